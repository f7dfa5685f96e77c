"""A whole answer leaves in one write; a head whose body is not there yet leaves in the turn in which it was written."""

import asyncio
from collections.abc import Awaitable, Callable

import uvicorn
from uvicorn.server import ServerState

from patchbay.lib.asgi.one_write import OneWriteProtocol
from patchbay.lib.asgi.types import Receive, Scope, Send

GET = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"


class RecordingTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def asked(app: Callable[[Scope, Receive, Send], Awaitable[None]], *requests: bytes) -> RecordingTransport:
    """Serve requests of one connection; returns what its transport was given."""
    config = uvicorn.Config(app, http=OneWriteProtocol, lifespan="off", log_config=None, server_header=False)
    config.load()
    protocol = OneWriteProtocol(config=config, server_state=ServerState(), app_state={})
    transport = RecordingTransport()
    protocol.connection_made(transport)
    for request in requests:
        protocol.data_received(request)
        for _ in range(20):
            await asyncio.sleep(0)
    protocol.connection_lost(None)
    return transport


async def whole(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"body"})


async def slow_stream(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(5):
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await send({"type": "http.response.body", "body": b"two"})


async def test_head_and_body_are_one_write() -> None:
    transport = await asked(whole, GET)
    (answer,) = transport.writes
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nbody")


async def test_each_answer_of_a_kept_connection_is_one_write() -> None:
    assert len((await asked(whole, GET, GET, GET)).writes) == 3


async def test_pipelined_requests_are_answered_in_order_and_whole() -> None:
    transport = await asked(whole, GET + GET)
    assert b"".join(transport.writes).count(b"\r\n\r\nbody") == 2


async def test_a_head_does_not_wait_for_a_body_that_is_not_there() -> None:
    transport = await asked(slow_stream, GET)
    head, *events = transport.writes
    assert head.endswith(b"\r\n\r\n")
    assert events == [b"3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n"]


async def test_a_connection_that_is_closed_gets_its_whole_answer_first() -> None:
    transport = await asked(whole, b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
    assert b"".join(transport.writes).endswith(b"body")
    assert transport.closed
