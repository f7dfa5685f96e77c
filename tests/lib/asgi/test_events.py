"""Server-sent events: frames, pings, and clients that leave."""

import asyncio
from typing import Any

import pytest

from patchbay.lib.asgi import events
from patchbay.lib.asgi.events import EventStream
from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.routing import Dispatcher, Route
from patchbay.lib.asgi.types import Receive, Scope, Send
from tests.asgi import Answer, call


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("no request should come here")


def app(handler: Any) -> Dispatcher:
    return Dispatcher([Route("GET", "/", handler, "s", "s", "public", "tests", streams=True)], nowhere)


async def read(handler: Any, **more: Any) -> Answer:
    async def with_body(request: Request) -> None:
        await request.body()
        await handler(request)

    return await call(app(with_body), "GET", "/", **more)


async def test_events_arrive_framed_and_the_stream_ends() -> None:
    async def handler(request: Request) -> None:
        request.answer_headers.append((b"ratelimit", b"r=1"))
        async with EventStream(request) as stream:
            assert await stream.send("delta", {"text": "two\nlines ä"})
            assert await stream.send("done", [1])

    answer = await read(handler)
    assert answer.events == [("delta", {"text": "two\nlines ä"}), ("done", [1])]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["ratelimit"]) == ("no-cache, no-transform", "r=1")
    assert answer.complete


async def test_a_silent_stream_is_pinged() -> None:
    async def handler(request: Request) -> None:
        async with EventStream(request, ping_seconds=0.001) as stream:
            async with asyncio.timeout(5):
                await pinged.wait()
            await stream.send("done", {})

    pinged = asyncio.Event()

    def see(answer: Answer) -> bool:
        if answer.body.count(b": ping\n\n") >= 2:
            pinged.set()
        return False

    answer = await read(handler, leave_when=see)
    assert answer.events == [("done", {})]


async def test_a_client_that_left_is_noticed_and_sending_goes_nowhere() -> None:
    outcome: list[bool] = []

    async def handler(request: Request) -> None:
        async with EventStream(request) as stream:
            outcome.append(await stream.send("delta", {"text": "a"}))
            async with asyncio.timeout(5):
                await stream.gone.wait()
            outcome.append(await stream.send("delta", {"text": "b"}))

    answer = await read(handler, leave_when=lambda answer: bool(answer.events))
    assert outcome == [True, False]
    assert answer.events == [("delta", {"text": "a"})]


async def test_a_connection_that_breaks_while_sending_counts_as_left() -> None:
    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise ConnectionResetError

    scope = {"method": "GET", "path": "/", "headers": [], "query_string": b"", "state": {"request_id": "req_1"}}
    async with EventStream(Request.from_scope(scope, receive, send, {})) as stream:
        assert not await stream.send("delta", {})
        assert stream.gone.is_set()


async def test_a_client_that_stops_reading_counts_as_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "STALL_SECONDS", 0.01)

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message.get("body"):
            await asyncio.Event().wait()

    scope = {"method": "GET", "path": "/", "headers": [], "query_string": b"", "state": {"request_id": "req_1"}}
    async with EventStream(Request.from_scope(scope, receive, send, {})) as stream:
        assert not await stream.send("delta", {})
        assert stream.gone.is_set()


async def test_an_error_inside_leaves_the_stream_unfinished() -> None:
    async def handler(request: Request) -> None:
        async with EventStream(request) as stream:
            await stream.send("delta", {})
            raise RuntimeError("broken")

    answers: list[Answer] = []
    try:
        await read(handler, leave_when=lambda answer: answers.append(answer) or False)
    except RuntimeError:
        assert not answers[-1].complete
    else:
        raise AssertionError("the server must see the error, to cut the connection")
