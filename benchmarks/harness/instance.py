"""A Patchbay of one's own: a real `patchbay serve` (or `gateway`) on a throw-away data folder, driven from outside."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from benchmarks.harness.processes import list_tree

START_SECONDS = 120.0


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Instance:
    """`start` and `kill` as often as you like; the data stays until the folder is removed."""

    def __init__(
        self,
        *,
        data_dir: Path | None = None,
        database_url: str = "",
        arguments: tuple[str, ...] = (),
        command: str = "serve",
    ) -> None:
        self.data_dir = data_dir or Path(tempfile.mkdtemp(prefix="patchbay-bench-"))
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.log = self.data_dir / "serve.log"
        self._arguments = (command, *arguments)
        self.environment = os.environ | {
            "PATCHBAY_DATA_DIR": str(self.data_dir),
            "PATCHBAY_PORT": str(self.port),
            "PATCHBAY_DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "patchbay.config.settings",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> str:
        """Run a `patchbay` command on this instance and return what it printed."""
        command = [sys.executable, "-m", "patchbay.config.cli", *arguments]
        return self._checked(command)

    def list_ills(self) -> list[dict[str, Any]]:
        """Return what `patchbay doctor` finds wrong."""
        command = [sys.executable, "-m", "patchbay.config.cli", "doctor", "--json"]
        output = subprocess.run(command, env=self.environment, check=False, capture_output=True, text=True).stdout
        return [check for check in json.loads(output) if not check["ok"]]

    def demo(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.run("demo", "--json"))
        return found

    def python(self, code: str) -> Any:
        """Run code inside the instance's Django, print JSON there, get the value here."""
        prelude = "import django, json; django.setup()\n"
        command = [sys.executable, "-c", prelude + code]
        return json.loads(self._checked(command).splitlines()[-1])

    def _checked(self, command: list[str]) -> str:
        done = subprocess.run(command, env=self.environment, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command[1:4]} failed:\n{done.stderr[-4000:]}")
        return done.stdout

    def start(self) -> None:
        """Start serving and return once it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "patchbay.config.cli", *self._arguments],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if self._ready():
                return
            time.sleep(0.05)
        raise RuntimeError(f"Patchbay did not start:\n{self.log.read_text()[-4000:]}")

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.base_url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def kill(self) -> None:
        """SIGKILL to the process and its children: no goodbye, no flush."""
        if self._process is not None:
            for pid in list_tree(self.pid):
                _kill(pid)
            self._process.wait()
            self._process = None

    def kill_one(self) -> None:
        """SIGKILL to one of the children."""
        _kill(random.choice(list_tree(self.pid)[1:]))

    def stop(self) -> None:
        """SIGTERM, as an operator stops it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None
