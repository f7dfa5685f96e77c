"""The reader process: forks a child for each file, which can open nothing, write nothing and live no longer than told.

A hostile file can at worst end its own child. The host stays lean and imports a parser once, so that a file costs a
fork and not the start of an interpreter. It runs as `python -m …reader.host`, jobs on stdin, replies on stdout, and
ends when its stdin does or nothing came for a minute.
"""

import codecs
import gc
import os
import resource
import select
import signal
import sys
import time

import msgspec

from patchbay.products.plugs.engine.digest import digest, get_parser
from patchbay.products.plugs.engine.parsing.blocks import UnreadableError
from patchbay.products.plugs.engine.parsing.charset import FOREIGN
from patchbay.products.plugs.engine.parsing.text import LEGACY
from patchbay.products.plugs.engine.reader.protocol import LENGTH, Failure, Job, Reply, pack

IDLE_SECONDS = 60.0
_ENCODINGS = ("ascii", "utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "latin-1", "cp437")
_PIECE = 1 << 20
_JOB = msgspec.msgpack.Decoder(Job)


def main() -> None:
    """Serve jobs until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches the whole group; the worker decides
    for name in {*_ENCODINGS, *LEGACY.values(), *FOREIGN}:
        codecs.lookup(name)  # Python loads them from files on first use, which a child may not open
    while select.select([0], [], [], IDLE_SECONDS)[0]:
        head = _read_exactly(LENGTH.size)
        if not head:
            return
        job = _JOB.decode(_read_exactly(LENGTH.unpack(head)[0]))
        get_parser(job.media_type)
        _write(1, _run(job))


def _run(job: Job) -> bytes:
    """Read one file in a child and return its packed reply, or one that says how the child ended."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _child(job, write_end)
    os.close(write_end)
    try:
        body = _collect(read_end, time.monotonic() + job.wall_seconds)
    finally:
        os.close(read_end)
    if body is None:
        os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    if body is not None and os.waitstatus_to_exitcode(status) == 0:
        return LENGTH.pack(len(body)) + body
    failure: Failure = "crashed"
    if body is None or os.waitstatus_to_exitcode(status) in (-signal.SIGXCPU, -signal.SIGKILL):
        failure = "time"
    return pack(Reply(failure=failure, cpu_seconds=used.ru_utime + used.ru_stime, peak_bytes=used.ru_maxrss * 1024))


def _collect(read_end: int, deadline: float) -> bytes | None:
    """Return what the child wrote until it ended; None when time is up. Ends this process when the worker is gone."""
    pieces: list[bytes] = []
    poller = select.poll()
    poller.register(read_end, select.POLLIN)
    poller.register(0, select.POLLHUP)
    while (left := deadline - time.monotonic()) > 0:
        for descriptor, event in poller.poll(left * 1000):
            if descriptor == 0 and event & select.POLLHUP:
                os.killpg(0, signal.SIGKILL)
            if descriptor == read_end:
                piece = os.read(read_end, _PIECE)
                if not piece:
                    return b"".join(pieces)
                pieces.append(piece)
    return None


def _child(job: Job, write_end: int) -> None:
    gc.disable()  # it ends with this file, and makes no cycles worth a search
    try:
        reply = _read_file(job)
        body = msgspec.msgpack.encode(reply)
    except MemoryError:
        body = msgspec.msgpack.encode(Reply(failure="memory"))
    _write(write_end, body)
    os._exit(0)


def _read_file(job: Job) -> Reply:
    with open(job.path, "rb") as file:
        data = file.read()
    _limit(job)
    try:
        reply = Reply(digest=digest(data, job.media_type))
    except UnreadableError as error:
        reply = Reply(failure="unreadable", message=str(error))
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file makes a parser do ends here, as a reason and not a crash
        reply = Reply(failure="crashed", message=type(error).__name__)
    used = resource.getrusage(resource.RUSAGE_SELF)
    reply.cpu_seconds, reply.peak_bytes = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
    return reply


def _limit(job: Job) -> None:
    """No more memory or time than allowed, no core dump, no writing, and not one new file or socket."""
    for kind, value in (
        (resource.RLIMIT_AS, job.memory_bytes),
        (resource.RLIMIT_CPU, job.cpu_seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def _read_exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            return b""
        data += piece
    return data


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(0)
