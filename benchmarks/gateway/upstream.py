"""The model provider of the measure: fixed answers, as fast as one Python process can, streams at a steady pace.

`python -m benchmarks.gateway.upstream [--port 0]` prints its port. The model name picks what is answered: any name
the fixed answer, `fault-500`, `fault-429`, `fault-reset` (closed without a byte) and `fault-cut` (closed in the
middle) a fault.
"""

import argparse
import asyncio
import functools
from collections.abc import Callable
from typing import cast

import uvloop

from benchmarks.gateway import wire

TICK_SECONDS = 0.001
SLOTS = 8
"""A stream gets an event every 8 ms; streams that begin at different times get theirs in different turns."""

_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


def _whole(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _writes(*, include_usage: bool) -> tuple[bytes, ...]:
    """Return what a stream writes: at once, then turn by turn, the last with the end."""
    opening, paced, last = wire.events(include_usage=include_usage)
    return (
        _STREAM_HEAD + _chunk(opening),
        *(_chunk(event) for event in paced[:-1]),
        _chunk(paced[-1]) + _chunk(last) + b"0\r\n\r\n",
    )


WHOLE = _whole("200 OK", wire.whole_answer())
STREAMS = {usage: _writes(include_usage=usage) for usage in (False, True)}
_ERROR = b'{"error":{"message":"A fault on purpose.","type":"server_error","param":null,"code":null}}'
FAULTS = {
    b"fault-500": _whole("500 Internal Server Error", _ERROR),
    b"fault-429": _whole("429 Too Many Requests\r\nretry-after: 1", _ERROR),
    b"fault-reset": b"",
    b"fault-cut": WHOLE[:-20],
}


class Pace:
    """One timer for all streams: each turn of the wheel writes one event of each stream in its slot."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: list[dict[Provider, int]] = [{} for _ in range(SLOTS)]
        self._turn = 0
        self._next = loop.time()
        self._tick()

    def join(self, stream: "Provider") -> Callable[[], object]:
        """Begin a stream; returns what ends it early."""
        slot = self._slots[self._turn]  # its next turn comes a whole round from now
        slot[stream] = 1
        return functools.partial(slot.pop, stream, None)

    def _tick(self) -> None:
        self._next = max(self._next + TICK_SECONDS, self._loop.time())
        self._loop.call_at(self._next, self._tick)
        self._turn = (self._turn + 1) % SLOTS
        slot = self._slots[self._turn]
        for stream, at in list(slot.items()):
            if stream.write_event(at):
                slot[stream] = at + 1
            else:
                slot.pop(stream, None)


class Provider(asyncio.Protocol):
    """One kept-alive connection; requests come one after another, each with its Content-Length."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._transport: asyncio.Transport
        self._buffer = b""
        self._events: tuple[bytes, ...] = ()
        self._leave: Callable[[], object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._leave is not None:
            self._leave()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        if b'"fault-' in body:
            self._fail(body)
        elif b'"stream":true' in body or b'"stream": true' in body:
            self._events = STREAMS[b"include_usage" in body]
            self._transport.write(self._events[0])
            self._leave = self._pace.join(self)
        else:
            self._transport.write(WHOLE)

    def _fail(self, body: bytes) -> None:
        name, answer = next((name, answer) for name, answer in FAULTS.items() if name in body)
        if name == b"fault-cut" and b'"stream":true' in body:
            answer = b"".join(STREAMS[True][:20])
        self._transport.write(answer)
        if name in (b"fault-reset", b"fault-cut"):
            self._transport.close()

    def write_event(self, number: int) -> bool:
        """Write one event; False after the last."""
        self._transport.write(self._events[number])
        return number + 1 < len(self._events)


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    pace = Pace(loop)
    server = await loop.create_server(lambda: Provider(pace), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    uvloop.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
