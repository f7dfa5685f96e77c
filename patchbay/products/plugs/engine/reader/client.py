"""Reading a file in the reader process, from the worker's side."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import structlog

from patchbay.products.plugs.engine.digest import Digest
from patchbay.products.plugs.engine.parsing.blocks import UnreadableError
from patchbay.products.plugs.engine.reader.protocol import LENGTH, Job, Reply, pack

CPU_SECONDS = 60
WALL_SECONDS = 120.0
MEMORY_BYTES = 1 << 30

_HOST = "patchbay.products.plugs.engine.reader.host"
_REPLY = msgspec.msgpack.Decoder(Reply)
_MESSAGES = {
    "crashed": "The file could not be read: it is damaged, or not what it claims to be.",
    "time": "Reading the file took too long. Save it again in a simpler form, or split it.",
    "memory": "Reading the file needs more memory than is allowed. Split it into smaller files.",
}
log = structlog.get_logger(__name__)


class Reader:
    """One reader process, started on first use and again whenever it has ended. Threads take turns."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The process that reads, if it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def read(
        self,
        path: Path,
        media_type: str,
        *,
        cpu_seconds: int = CPU_SECONDS,
        wall_seconds: float = WALL_SECONDS,
        memory_bytes: int = MEMORY_BYTES,
    ) -> Digest:
        """Digest the file at `path`; UnreadableError, in words for its owner, for whatever is wrong with it."""
        job = Job(str(path), media_type, cpu_seconds, wall_seconds, memory_bytes)
        with self._lock:
            reply = self._ask(job)
        log.info(
            "file read",
            failure=reply.failure,
            detail=reply.message,
            cpu_seconds=reply.cpu_seconds,
            peak_bytes=reply.peak_bytes,
        )
        if reply.digest is not None:
            return reply.digest
        raise UnreadableError(reply.message if reply.failure == "unreadable" else _MESSAGES[reply.failure or "crashed"])

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process:
                self._stop(self._process)
            self._process = None

    def _ask(self, job: Job) -> Reply:
        for attempt in (1, 2):  # an idle process ends by itself, perhaps as we turn to it
            process = self._running()
            try:
                return _exchange(process, job)
            except (BrokenPipeError, EOFError):
                self._stop(process)
                self._process = None
                if attempt == 2:
                    return Reply(failure="crashed")
        raise AssertionError("unreachable")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _HOST],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=_environment(),
                start_new_session=True,
            )
        return self._process

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        for pipe in (process.stdin, process.stdout):
            if pipe:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        process.kill()
        process.wait()


def _exchange(process: subprocess.Popen[bytes], job: Job) -> Reply:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(pack(job))
    process.stdin.flush()
    head = process.stdout.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    size = LENGTH.unpack(head)[0]
    body = process.stdout.read(size)
    if len(body) < size:
        raise EOFError
    return _REPLY.decode(body)


def _environment() -> dict[str, str]:
    """What an interpreter needs to find this code; none of the worker's secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV") if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


_reader = Reader()


def get_reader() -> Reader:
    """Return this process's reader."""
    return _reader
