"""The peers of the gateway, each started as its own documentation recommends, all before the same upstream.

nginx is the limit: it forwards bytes and knows nothing. TensorZero runs its HTTP gateway without a database: nothing
is metered or logged. Portkey's gateway has neither keys nor metering of its own; it answers streams with an error of
its own on current Node (TypeError: immutable), so that it is asked for none. LiteLLM's proxy checks its master key and
tracks spend in memory, with the settings of its page on production, without a database.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from benchmarks.gateway import load
from benchmarks.harness.instance import free_port

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".make" / "gateway-peers"
START_SECONDS = 120.0


@dataclass
class Side:
    """A running server: where it listens, how it is asked, and the process whose tree is its cost."""

    name: str
    version: str
    pid: int
    port: int
    path: str = "/v1/chat/completions"
    model: str = "bench"
    headers: dict[str, str] = field(default_factory=dict)
    streams: bool = True

    def job(self, **conditions: object) -> load.Job:
        known = {"port": self.port, "path": self.path, "model": self.model, "headers": self.headers}
        return load.Job(**(known | conditions))  # type: ignore[arg-type]


class Processes:
    """Everything that was started, ended together; logs lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[str]] = []

    def start(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        with (self.folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | (environment or {}),
                stdout=subprocess.PIPE if name in ("upstream", "tensorzero") else log,
                stderr=log,
                text=True,
            )
        self._running.append(process)
        return process

    def stop(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def start_upstream(processes: Processes) -> Side:
    process = processes.start("upstream", [sys.executable, "-m", "benchmarks.gateway.upstream"])
    assert process.stdout is not None
    return Side("upstream", "", process.pid, int(process.stdout.readline()))


def start_nginx(processes: Processes, upstream: Side) -> Side:
    port, folder = free_port(), processes.folder / "nginx"
    folder.mkdir()
    config = (Path(__file__).parent / "peers" / "nginx.conf").read_text()
    values = {"FOLDER": str(folder), "PORT": str(port), "UPSTREAM": str(upstream.port)}
    for name, value in values.items():
        config = config.replace(f"@{name}@", value)
    (folder / "nginx.conf").write_text(config)
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    process = processes.start("nginx", [binary, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"])
    said = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stderr
    return _ready(processes, Side("nginx", said.strip().rpartition("/")[2], process.pid, port))


def start_tensorzero(processes: Processes, upstream: Side) -> Side:
    """Its gateway picks its port itself; it is started by the package's own helper for clients of other kinds."""
    python = PEERS / "tensorzero" / "bin" / "python"
    config = processes.folder / "tensorzero.toml"
    config.write_text(
        f'[models.bench]\nrouting = ["upstream"]\n[models.bench.providers.upstream]\ntype = "openai"\n'
        f'model_name = "bench"\napi_base = "http://127.0.0.1:{upstream.port}/v1/"\napi_key_location = "none"\n'
    )
    script = str(Path(__file__).parent / "peers" / "tensorzero_gateway.py")
    quiet = {"TENSORZERO_DISABLE_PSEUDONYMOUS_USAGE_ANALYTICS": "1", "RUST_LOG": "warn"}
    process = processes.start("tensorzero", [str(python), script, str(config)], quiet)
    assert process.stdout is not None
    port = _port_said(process.stdout, processes.folder / "tensorzero.log")
    path, model = "/openai/v1/chat/completions", "tensorzero::model_name::bench"
    return _ready(processes, Side("tensorzero", _version_of("tensorzero"), process.pid, port, path, model))


def start_portkey(processes: Processes, upstream: Side) -> Side:
    package = PEERS / "portkey" / "node_modules" / "@portkey-ai" / "gateway"
    port = free_port()
    command = [_node(), str(package / "build" / "start-server.js"), f"--port={port}", "--headless"]
    process = processes.start("portkey", command, {"NODE_ENV": "production"})
    headers = {
        "authorization": "Bearer sk-bench",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{upstream.port}/v1",
    }
    version = json.loads((package / "package.json").read_text())["version"]
    return _ready(processes, Side("portkey", version, process.pid, port, headers=headers, streams=False))


def start_litellm(processes: Processes, upstream: Side) -> Side:
    """One worker, as its documentation recommends for a replica."""
    port, config = free_port(), processes.folder / "litellm.json"
    model = {
        "model": "openai/bench",
        "api_key": "sk-upstream",
        "api_base": f"http://127.0.0.1:{upstream.port}/v1",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
    }
    settings = {
        "model_list": [{"model_name": "bench", "litellm_params": model}],
        "general_settings": {"master_key": "sk-bench", "proxy_batch_write_at": 60, "disable_error_logs": True},
        "litellm_settings": {"request_timeout": 600, "set_verbose": False, "json_logs": True},
    }
    config.write_text(json.dumps(settings))  # JSON is YAML
    binary = PEERS / "litellm" / "bin" / "litellm"
    command = [str(binary), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    environment = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    process = processes.start("litellm", command, environment | {"LITELLM_TELEMETRY": "False"})
    headers = {"authorization": "Bearer sk-bench"}
    return _ready(processes, Side("litellm", _version_of("litellm"), process.pid, port, headers=headers))


PEER_STARTS = (start_nginx, start_tensorzero, start_portkey, start_litellm)


def _ready(processes: Processes, side: Side) -> Side:
    """Return the side once it answers."""
    deadline = time.monotonic() + START_SECONDS
    body = b'{"model":"%s","messages":[{"role":"user","content":"hello"}]}' % side.model.encode()
    reason: object = ""
    while time.monotonic() < deadline:
        request = urllib.request.Request(
            f"http://127.0.0.1:{side.port}{side.path}", body, side.headers | {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                if answer.status == 200:
                    return side
        except OSError as error:
            reason = error
        time.sleep(0.2)
    log = processes.folder / f"{side.name}.log"
    raise RuntimeError(f"{side.name} did not answer ({reason}):\n{log.read_text()[-3000:]}")


def _node() -> str:
    """Return the machine's Node, or the one that was installed beside this Python."""
    return shutil.which("node") or str(Path(sys.executable).with_name("node"))


def _port_said(output: IO[str], log: Path) -> int:
    for line in output:
        if found := re.search(r"http://[^/]*:(\d+)", line):
            return int(found[1])
    raise RuntimeError(f"No address was said:\n{log.read_text()[-3000:]}")


def _version_of(package: str) -> str:
    """Return the version of a peer's package, from the lock it was installed by."""
    lock = (Path(__file__).parent / "peers" / f"{package}.txt").read_text()
    found = re.search(rf"^{package}==(\S+)", lock, re.MULTILINE)
    assert found is not None
    return found[1]
