"""uvicorn's HTTP/1.1 protocol, which serves raw routes by itself and leaves everything else to uvicorn's ASGI cycle.

A raw route needs none of what ASGI costs: no scope, no message dicts, no event, no timer a request, no second look at
each header, and an answer leaves in one write (uvloop gives each write to the kernel at once, and the client wakes on
each). A request that is not plain, pipelined behind another, an upgrade, HTTP/1.0, an escaped path, goes uvicorn's way:
the dispatcher serves it there as well.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Any, cast

import structlog
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from patchbay.lib.asgi.channel import ClientGoneError
from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.routing import Dispatcher, Route, serve
from patchbay.lib.asgi.types import Headers
from patchbay.lib.ids import new_id

MAX_HEAD_BYTES = 64 * 1024
_COPY_BYTES = 64 * 1024
"""Above it, head and body are written as two pieces rather than copied into one."""
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
log = structlog.get_logger(__name__)


class RawProtocol(HttpToolsProtocol):
    """What uvicorn makes for each connection to a `Dispatcher`."""

    cycle: "Any"

    def __init__(self, config: Config, **uvicorns: Any) -> None:
        super().__init__(config, **uvicorns)
        self._dispatcher = cast(Dispatcher, config.app)
        self._idle_since = math.inf
        self._head_bytes = 0
        self._in_head = False

    # -- connection ---------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._idle_since = math.inf
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.write(_HEAD_TOO_LARGE)
                self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    def _unset_keepalive_if_required(self) -> None:
        """Nothing: the timer stays, and looks at when the connection fell idle."""

    def on_response_complete(self) -> None:
        """Note that the connection is idle, or go on with what is pipelined."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for long enough; a busy one is looked at when it is idle again."""
        self.timeout_keep_alive_task = None
        if self._idle_since == math.inf:
            return
        rest = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if rest > 0:
            self._look_again(rest)
        else:
            self.transport.close()

    def _look_again(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    # -- parser -------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        if (cycle := self.cycle) is None or cycle.response_complete:
            parser, (path, _, query) = self.parser, self.url.partition(b"?")
            if path.startswith(b"/") and path.isascii() and b"%" not in path and b"#" not in self.url:
                route, params = self._dispatcher.find(parser.get_method().decode(), text := path.decode())
                if route is not None and parser.get_http_version() == "1.1" and not parser.should_upgrade():
                    self._serve_raw(route, text, params, query)
                    return
        self._serve_asgi()

    def _serve_raw(self, route: Route, path: str, params: dict[str, str], query: bytes) -> None:
        self.cycle = exchange = Exchange(self)
        request = Request(
            exchange,
            route.method,
            path,
            self.headers,
            request_id=new_id("req"),
            path_params=params,
            query_string=query,
            client_address=self._client_address(),
        )
        task = self.loop.create_task(exchange.run(route, request))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _serve_asgi(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def _client_address(self) -> str | None:
        """Return whose address it is, as uvicorn's ASGI middleware would: a trusted proxy names its client."""
        if self.client is None:
            return None
        forwarded = [value for name, value in self.headers if name == b"x-forwarded-for"]
        proxies = self.config.loaded_app
        if forwarded and isinstance(proxies, ProxyHeadersMiddleware) and self.client[0] in proxies.trusted_hosts:
            named = proxies.trusted_hosts.get_trusted_client_address(b", ".join(forwarded).decode("latin-1"))
            return named[0] or self.client[0]
        return self.client[0]


class Exchange:
    """One request at a raw route and its answer: the `Channel` of the request, and to uvicorn the connection's cycle.

    uvicorn's protocol puts the body into `body`, sets `more_body`, `disconnected` and `keep_alive`, calls
    `message_event.set()` when there is news, and looks at `response_complete`.
    """

    __slots__ = (
        "_flow",
        "_gone",
        "_held",
        "_protocol",
        "_transport",
        "_waiter",
        "body",
        "disconnected",
        "keep_alive",
        "message_event",
        "more_body",
        "response_complete",
        "status",
    )

    def __init__(self, protocol: RawProtocol) -> None:
        self.status: int | None = None
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.response_complete = False
        self.keep_alive: bool = protocol.parser.should_keep_alive()
        self.message_event = self
        self._protocol = protocol
        self._transport = protocol.transport
        self._flow = protocol.flow
        self._held = b""
        self._waiter: asyncio.Future[None] | None = None
        self._gone: Callable[[], None] | None = None

    async def run(self, route: Route, request: Request) -> None:
        """Serve the request; an answer that was begun and not ended breaks the connection."""
        try:
            await serve(route, request)
        except BaseException as error:
            log.error("raw route failed", route=route.operation_id, exc_info=error)
        if not self.response_complete and not self.disconnected:
            self._flush()
            self._transport.close()

    def set(self) -> None:
        """Wake who waits for the body, and tell who watches that the client has left."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self.disconnected and self._gone is not None:
            gone, self._gone = self._gone, None
            gone()

    # -- the channel --------------------------------------------------------------------------------------------

    async def piece(self) -> tuple[bytes, bool]:
        if not self.body and self.more_body and not self.disconnected:
            await self._wait_for_body()
        if self.disconnected:
            raise ClientGoneError
        piece = bytes(self.body)
        self.body = bytearray()
        return piece, self.more_body

    async def _wait_for_body(self) -> None:
        if self._protocol.expect_100_continue:
            self._protocol.expect_100_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._flow.resume_reading()
        self._waiter = self._protocol.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        head = self._head(status, headers, b"content-length: %d\r\n" % len(body))
        if self._flow.write_paused:
            await self._flow.drain()
        if len(body) <= _COPY_BYTES:
            self._put(head + body)
        else:
            self._put(head)
            self._put(body)
        self._complete()

    async def begin(self, status: int, headers: Headers) -> None:
        """The head waits for the first bytes of its body, at most until the event loop's turn ends."""
        self._held = self._head(status, headers, b"transfer-encoding: chunked\r\n")
        self._protocol.loop.call_soon(self._flush)

    async def write(self, data: bytes) -> None:
        if self._flow.write_paused:
            await self._flow.drain()
        if data:
            self._put(b"%x\r\n%b\r\n" % (len(data), data))

    async def finish(self, data: bytes) -> None:
        if self._flow.write_paused:
            await self._flow.drain()
        self._put(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n")
        self._complete()

    def watch(self, gone: Callable[[], None]) -> None:
        self._gone = gone
        if self.disconnected:
            self._protocol.loop.call_soon(self.set)

    def unwatch(self) -> None:
        self._gone = None

    # -- writing ------------------------------------------------------------------------------------------------

    def _head(self, status: int, headers: Headers, framing: bytes) -> bytes:
        given = [*self._protocol.server_state.default_headers, *headers]
        lines = b"".join([b"%b: %b\r\n" % pair for pair in given])
        # One count over all lines instead of a look at each value: a line break in any of them shows.
        if lines.count(b"\n") != len(given) or lines.count(b"\r") != len(given) or b"\0" in lines:
            raise ValueError("an answer's header has a line break or NUL")
        self.status = status
        close = b"" if self.keep_alive else b"connection: close\r\n"
        return b"%b%b%b%b\r\n" % (STATUS_LINE[status], lines, framing, close)

    def _put(self, data: bytes) -> None:
        if not self.disconnected:
            if self._held:
                data = self._held + data
                self._held = b""
            self._transport.write(data)

    def _flush(self) -> None:
        if self._held:
            self._put(b"")

    def _complete(self) -> None:
        if self.disconnected:
            return
        self.response_complete = True
        self.set()
        if not self.keep_alive:
            self._transport.close()
        self._protocol.on_response_complete()
