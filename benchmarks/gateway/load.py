"""The clients of the measure, in a process of their own: kept-alive connections that ask again when answered.

`python -m benchmarks.gateway.load JOB` with a `Job` as JSON; prints a `Seen` as JSON. Every answer is checked; one
that is wrong ends the run with an error.
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.gateway import wire

ROOT = Path(__file__).resolve().parents[2]
DRAIN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Job:
    """What to ask, over how many connections, for how long.

    `keys_file` names a file of API keys, one a line, that are used in turn in place of the header `authorization`.
    At least `minimum` answers are awaited, however slow; with `exactly` so many are asked for, however fast.
    """

    port: int
    path: str
    model: str = wire.MODEL
    headers: dict[str, str] = field(default_factory=dict)
    keys_file: str = ""
    connections: int = 64
    seconds: float = 3.0
    minimum: int = 0
    exactly: int = 0
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What the clients saw; latencies in milliseconds, to the last byte and to the first."""

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float
    first_p50_ms: float


def run(job: Job) -> Seen:
    """Run a job in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.gateway.load", json.dumps(asdict(job))]
    limit = job.seconds + DRAIN_SECONDS + 600
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False)
    if done.returncode:
        raise RuntimeError(f"The load failed:\n{done.stderr[-2000:]}")
    return Seen(**json.loads(done.stdout))


class Clients:
    """All connections' common state: the requests to send in turn, the latencies seen, and when to stop."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._requests = _requests(job)
        self._sent = 0
        self.latencies: list[float] = []
        self.firsts: list[float] = []
        self.started = time.perf_counter()
        self.ended = self.started
        self._open = job.connections
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next(self) -> bytes | None:
        """Return the next request, None when the time is up."""
        if self.job.exactly:
            more = self._sent < self.job.exactly
        else:
            more = time.perf_counter() - self.started < self.job.seconds or self._sent < self.job.minimum
        if not more:
            return None
        self._sent += 1
        return self._requests[self._sent % len(self._requests)]

    def close(self) -> None:
        self._open -= 1
        if self._open == 0 and not self.done.done():
            self.ended = time.perf_counter()
            self.done.set_result(None)

    def fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(reason))


def _requests(job: Job) -> list[bytes]:
    body = wire.request_body(job.model, stream=job.stream)
    if not job.keys_file:
        return [wire.post(job.path, body, job.headers)]
    keys = Path(job.keys_file).read_text().split()
    return [wire.post(job.path, body, job.headers | {"authorization": f"Bearer {key}"}) for key in keys]


class Client(asyncio.Protocol):
    """One connection. An answer ends by its Content-Length or by the last chunk."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._transport: asyncio.Transport
        self._parts: list[bytes] = []
        self._size = 0
        self._wanted = 0
        self._asked = 0.0
        self._first = 0.0
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting:
            self._clients.fail(f"A connection was closed in the middle of an answer: {b''.join(self._parts)[:500]!r}")
        self._clients.close()

    def _ask(self) -> None:
        request = self._clients.next()
        self._waiting = request is not None
        if request is None:
            self._transport.close()
            return
        self._parts.clear()
        self._size = self._wanted = 0
        self._asked = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if not self._parts:
            self._first = time.perf_counter()
        self._parts.append(data)
        self._size += len(data)
        if not self._wanted and not self._read_head():
            return
        if self._wanted > 0:
            if self._size >= self._wanted:
                self._finish()
        elif b"".join(self._parts[-3:])[-7:] == b"\r\n0\r\n\r\n":
            self._finish()

    def _read_head(self) -> bool:
        """Learn where the answer ends: `_wanted` bytes in all, or -1 for the last chunk."""
        buffer = b"".join(self._parts)
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        if not buffer.startswith(b"HTTP/1.1 200 "):
            self._clients.fail(f"Not answered: {buffer[:1000]!r}")
            self._transport.abort()
            return False
        head = buffer[:end].lower()
        at = head.find(b"content-length:")
        self._wanted = end + 4 + int(head[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else -1
        self._parts[:] = [buffer]
        return True

    def _finish(self) -> None:
        now = time.perf_counter()
        clients = self._clients
        clients.latencies.append(now - self._asked)
        clients.firsts.append(self._first - self._asked)
        body = b"".join(self._parts)
        body = body[body.index(b"\r\n\r\n") + 4 :]
        if self._wanted < 0:
            body = wire.unchunk(body)
        if not wire.is_right(body, stream=clients.job.stream):
            clients.fail(f"Wrong answer: {body[:2000]!r}")
        self._ask()


async def _drive(job: Job) -> Seen:
    loop = asyncio.get_running_loop()
    clients = Clients(job)
    for _ in range(job.connections):
        await loop.create_connection(lambda: Client(clients), "127.0.0.1", job.port)
    await asyncio.wait_for(clients.done, job.seconds + DRAIN_SECONDS + (540 if job.exactly or job.minimum else 0))
    latencies, firsts = sorted(clients.latencies), sorted(clients.firsts)
    return Seen(
        answers=len(latencies),
        seconds=clients.ended - clients.started,
        p50_ms=latencies[len(latencies) // 2] * 1000,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1000,
        first_p50_ms=firsts[len(firsts) // 2] * 1000,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(_drive(Job(**json.loads(sys.argv[1])))))))
