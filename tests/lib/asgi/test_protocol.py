"""Raw routes over a connection of our own: whole answers in one write, streams, bodies, and what goes uvicorn's way."""

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest
import uvicorn
from uvicorn.server import ServerState

from patchbay.lib.asgi import protocol as module
from patchbay.lib.asgi.protocol import RawProtocol
from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.responses import respond
from patchbay.lib.asgi.routing import Dispatcher, Route
from patchbay.lib.asgi.streams import ByteStream
from patchbay.lib.asgi.types import Receive, Scope, Send

LIMIT = 100


class RecordingTransport(asyncio.Transport):
    def __init__(self, address: str = "203.0.113.7") -> None:
        super().__init__({"peername": (address, 50000), "sockname": ("127.0.0.1", 80)})
        self.writes: list[bytes] = []
        self.closing = asyncio.Event()

    @property
    def closed(self) -> bool:
        return self.closing.is_set()

    @property
    def written(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closing.set()

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Seen:
    """What the handlers met."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.left = False
        self.go_on = asyncio.Event()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def open_connection(seen: Seen) -> Callable[..., tuple[RawProtocol, RecordingTransport]]:
    """Return a function that opens a connection to a small application."""

    async def echo(request: Request) -> None:
        seen.requests.append(request)
        await respond(request, 200, await request.body(LIMIT), headers=[(b"x-extra", b"1")])

    async def slow(request: Request) -> None:
        await seen.go_on.wait()
        await respond(request, 200, b"slow")

    async def stream(request: Request) -> None:
        await request.body(LIMIT)

        def leave() -> None:
            seen.left = True

        out = ByteStream(request, on_gone=leave)
        await out.start([])
        await seen.go_on.wait()
        await out.send(b"one")
        await out.end(b"two")
        out.close()

    async def inject(request: Request) -> None:
        await respond(request, 200, b"", headers=[(b"x-extra", b"1\r\nset-cookie: a=b")])

    async def fallback(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"page of " + scope["path"].encode()})

    handlers = {"echo": echo, "slow": slow, "stream": stream, "inject": inject}
    routes = [
        Route("POST", f"/{name}", each, operation_id=name, summary=name, permission="public", tag="tests")
        for name, each in handlers.items()
    ]
    app = Dispatcher(
        [
            *routes,
            Route("POST", "/echo/{name}", echo, operation_id="n", summary="n", permission="public", tag="t"),
        ],
        fallback,
    )
    config = uvicorn.Config(app, http=RawProtocol, lifespan="off", log_config=None, server_header=False)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"today")]

    def connect(address: str = "203.0.113.7") -> tuple[RawProtocol, RecordingTransport]:
        connection = RawProtocol(config, server_state=state, app_state={})
        transport = RecordingTransport(address)
        connection.connection_made(transport)
        return connection, transport

    return connect


Connect = Callable[..., tuple[RawProtocol, RecordingTransport]]


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def send(connection: RawProtocol, *pieces: bytes) -> None:
    for piece in pieces:
        connection.data_received(piece)
        await turns()


def post(path: str, body: bytes = b"body", headers: Sequence[bytes] = ()) -> bytes:
    lines = [b"POST %b HTTP/1.1" % path.encode(), b"Host: here", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


async def test_head_and_body_are_one_write(open_connection: Connect) -> None:
    connection, transport = open_connection()
    await send(connection, post("/echo"))
    (answer,) = transport.writes
    assert answer.startswith(b"HTTP/1.1 200 OK\r\ndate: today\r\n")
    assert b"\r\nx-extra: 1\r\ncontent-length: 4\r\n" in answer
    assert answer.endswith(b"\r\n\r\nbody")


async def test_a_kept_connection_answers_one_request_after_the_other(open_connection: Connect) -> None:
    connection, transport = open_connection()
    await send(connection, post("/echo", b"a"), post("/echo", b"b"), post("/page"), post("/echo", b"c"))
    assert [answer[-1:] for answer in transport.writes if not answer.startswith(b"HTTP/1.1 299")] == [
        b"a",
        b"b",
        b"\n",
        b"c",
    ]
    assert not transport.closed


async def test_what_is_no_raw_route_goes_to_the_fallback(open_connection: Connect) -> None:
    connection, transport = open_connection()
    await send(connection, b"GET /page?x=1 HTTP/1.1\r\nhost: here\r\n\r\n")
    assert b"page of /page" in transport.written


async def test_an_escaped_path_and_http_1_0_go_uvicorns_way_to_the_same_route(
    open_connection: Connect, seen: Seen
) -> None:
    connection, transport = open_connection()
    await send(connection, post("/echo/a%20b"))
    assert transport.written.count(b"body") == 1
    assert seen.requests[0].path_params == {"name": "a b"}
    connection, transport = open_connection()
    await send(connection, post("/echo").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert transport.written.endswith(b"body")
    assert transport.closed


async def test_a_request_knows_its_query_parameters_headers_and_client(open_connection: Connect, seen: Seen) -> None:
    connection, _ = open_connection()
    await send(connection, post("/echo/name?limit=3&limit=4", headers=[b"X-Key: Value"]))
    (request,) = seen.requests
    assert (request.path, request.path_params, request.query) == ("/echo/name", {"name": "name"}, {"limit": "3"})
    assert request.header(b"x-key") == "Value"
    assert request.client_address == "203.0.113.7"


@pytest.mark.parametrize(("proxy", "client"), [("127.0.0.1", "198.51.100.1"), ("203.0.113.7", "203.0.113.7")])
async def test_a_trusted_proxy_names_its_client_and_nobody_else_does(
    open_connection: Connect, seen: Seen, proxy: str, client: str
) -> None:
    connection, _ = open_connection(proxy)
    await send(connection, post("/echo", headers=[b"x-forwarded-for: 198.51.100.1"]))
    assert seen.requests[0].client_address == client


async def test_pipelined_requests_are_answered_in_order(open_connection: Connect, seen: Seen) -> None:
    connection, transport = open_connection()
    await send(connection, post("/slow") + post("/echo", b"second") + post("/echo", b"third"))
    assert not transport.writes
    seen.go_on.set()
    await turns()
    places = [transport.written.index(each) for each in (b"slow", b"second", b"third")]
    assert places == sorted(places)


async def test_a_body_comes_in_pieces(open_connection: Connect) -> None:
    connection, transport = open_connection()
    request = post("/echo", b"0123456789")
    await send(connection, *(request[at : at + 1] for at in range(len(request))))
    assert transport.written.endswith(b"\r\n\r\n0123456789")


async def test_a_client_that_asks_first_is_told_to_go_on(open_connection: Connect) -> None:
    connection, transport = open_connection()
    request = post("/echo", headers=[b"expect: 100-continue"])
    await send(connection, request[:-4])
    assert transport.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    await send(connection, b"body")
    assert transport.written.endswith(b"\r\n\r\nbody")


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent_and_where_it_passes(
    open_connection: Connect,
) -> None:
    connection, transport = open_connection()
    await send(connection, post("/echo", bytes(LIMIT + 1))[: -LIMIT - 1])
    assert transport.written.startswith(b"HTTP/1.1 413 ")
    connection, transport = open_connection()
    head = b"POST /echo HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n"
    await send(connection, head, b"40\r\n" + bytes(64) + b"\r\n", b"40\r\n" + bytes(64) + b"\r\n0\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 413 ")
    await send(connection, post("/echo"))
    assert transport.written.endswith(b"\r\n\r\nbody"), "the connection goes on"


async def test_a_head_without_end_is_refused(open_connection: Connect) -> None:
    connection, transport = open_connection()
    connection.data_received(b"POST /echo HTTP/1.1\r\nhost: here\r\n")
    sent = 0
    while not transport.closed and sent < 1_000_000:
        line = b"x: " + b"y" * 1000 + b"\r\n"
        connection.data_received(line)
        sent += len(line)
    assert transport.written.startswith(b"HTTP/1.1 431 ")
    assert sent < 2 * module.MAX_HEAD_BYTES


async def test_what_is_not_http_is_refused(open_connection: Connect) -> None:
    connection, transport = open_connection()
    await send(connection, b"\x16\x03\x01\x02\x00\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 400 ")
    assert transport.closed


async def test_a_header_with_a_line_break_never_leaves(open_connection: Connect) -> None:
    connection, transport = open_connection()
    await send(connection, post("/inject"))
    assert b"set-cookie" not in transport.written
    assert transport.written.startswith(b"HTTP/1.1 500 ")


async def test_the_head_of_a_stream_does_not_wait_for_what_is_not_there(open_connection: Connect, seen: Seen) -> None:
    connection, transport = open_connection()
    await send(connection, post("/stream"))
    (head,) = transport.writes
    assert b"transfer-encoding: chunked\r\n" in head
    assert head.endswith(b"\r\n\r\n")
    seen.go_on.set()
    await turns()
    assert transport.writes[1:] == [b"3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n"]
    await send(connection, post("/echo"))
    assert transport.written.endswith(b"\r\n\r\nbody")


async def test_the_head_of_a_stream_leaves_with_what_is_there(open_connection: Connect, seen: Seen) -> None:
    seen.go_on.set()
    connection, transport = open_connection()
    await send(connection, post("/stream"))
    assert [write.endswith(b"\r\n\r\n3\r\none\r\n") for write in transport.writes] == [True, False]


async def test_a_stream_learns_that_its_client_has_left(open_connection: Connect, seen: Seen) -> None:
    connection, transport = open_connection()
    await send(connection, post("/stream"))
    connection.connection_lost(None)
    assert seen.left
    seen.go_on.set()
    await turns()
    assert len(transport.writes) == 1


async def test_who_leaves_before_the_body_is_whole_gets_nothing(open_connection: Connect) -> None:
    connection, transport = open_connection()
    await send(connection, post("/echo")[:-2])
    connection.connection_lost(None)
    await turns()
    assert not transport.writes
    assert not connection.tasks


async def test_a_client_that_takes_nothing_holds_its_stream_up(open_connection: Connect, seen: Seen) -> None:
    connection, transport = open_connection()
    await send(connection, post("/stream"))
    connection.pause_writing()
    seen.go_on.set()
    await turns()
    assert len(transport.writes) == 1
    connection.resume_writing()
    await turns()
    assert transport.written.endswith(b"0\r\n\r\n")


async def test_a_connection_that_is_to_close_gets_its_whole_answer_first(open_connection: Connect) -> None:
    connection, transport = open_connection()
    await send(connection, post("/echo", headers=[b"connection: close"]))
    assert b"connection: close\r\n" in transport.written
    assert transport.written.endswith(b"body")
    assert transport.closed


async def test_a_shutdown_lets_an_answer_end_and_then_closes(open_connection: Connect, seen: Seen) -> None:
    connection, transport = open_connection()
    await send(connection, post("/slow"))
    connection.shutdown()
    assert not transport.closed
    seen.go_on.set()
    await turns()
    assert transport.written.endswith(b"slow")
    assert transport.closed
    connection, transport = open_connection()
    connection.shutdown()
    assert transport.closed


async def test_what_has_not_answered_by_the_end_of_a_drain_is_told_so(open_connection: Connect, seen: Seen) -> None:
    """As uvicorn does it then: it cancels what still runs."""
    (whole, unanswered), (stream, begun) = open_connection(), open_connection()
    await send(whole, post("/slow"))
    await send(stream, post("/stream"))
    for connection in (whole, stream):
        connection.shutdown()
    for task in whole.tasks | stream.tasks:
        task.cancel()
    await turns()
    head, _, body = unanswered.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 2" in head
    assert b"\r\ncontent-type: application/problem+json" in head
    assert json.loads(body)["code"] == "unavailable"
    assert b"503" not in begun.written
    assert unanswered.closed
    assert begun.closed


async def test_an_idle_connection_is_closed_after_a_while_and_a_busy_one_is_not(
    open_connection: Connect, seen: Seen
) -> None:
    connection, transport = open_connection()
    connection.timeout_keep_alive = 0.001
    await send(connection, post("/echo"), post("/slow"))
    connection.timeout_keep_alive_handler()
    assert not transport.closed
    seen.go_on.set()
    async with asyncio.timeout(5):
        await transport.closing.wait()
    assert transport.written.endswith(b"slow")
