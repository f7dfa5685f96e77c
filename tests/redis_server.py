"""A Redis server of a test's own: Debian's, on a socket in a temporary folder, to be killed and started at will."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STARTS_WITHIN = 10.0


class RedisServer:
    """Nothing is written to disk, so that what it knew is gone with it, unless `save` was called."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder = folder
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"

    def start(self) -> None:
        """Start and return once it answers."""
        self.socket.unlink(missing_ok=True)
        command = ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--save", "", *self._arguments]
        self._process = subprocess.Popen(
            [*command, "--dir", str(self._folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + STARTS_WITHIN
        while not self._ping().startswith((b"+PONG", b"-NOAUTH")):
            assert self._process.poll() is None, "Redis ended at once"
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.01)

    def _ping(self) -> bytes:
        try:
            return self._exchange(b"PING\r\n")
        except OSError:
            return b""

    def _exchange(self, command: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(self.socket))
            client.sendall(command)
            return client.recv(4096)

    def run(self, command: str) -> bytes:
        """Send one command and return the raw reply, a short one."""
        return self._exchange(command.encode() + b"\r\n")

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it accept and say nothing, as behind a broken network."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def redis_server(*arguments: str) -> Iterator[RedisServer]:
    """Start a server and end it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="patchbay-redis-"))
    server = RedisServer(folder, *arguments)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
