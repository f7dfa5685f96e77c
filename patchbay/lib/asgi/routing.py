"""One ASGI app: raw routes by method and path, everything else to the fallback, one lifespan for both."""

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from patchbay.lib.asgi.channel import ClientGoneError
from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.responses import explain, respond_problem, stopped
from patchbay.lib.asgi.types import ASGIApp, Message, Receive, Scope, Send
from patchbay.lib.errors import AppError, MethodNotAllowedError
from patchbay.lib.ids import new_id
from patchbay.lib.metrics.instruments import Counter

Handler = Callable[[Request], Awaitable[None]]
Permission = Literal["ask", "read", "write", "session", "public"]
CLIENT_CLOSED_REQUEST = 499  # never sent: how a log names a client that left, after nginx
REQUESTS = Counter("patchbay_http_requests", "Requests of raw routes", ("route", "status"))
SLOW_SECONDS = 10.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: dispatched by `method` and `path` (`/v1/things/{thing_id}`), described by the rest.

    `query`, `request` and `response` are msgspec shapes for the OpenAPI document; `errors` the codes it may answer;
    `documented` is False for routes that serve our own pages. `respond_error` sends what the handler raises, in the
    format of the door. A parameter written `{name:path}` takes slashes too.
    """

    method: str
    path: str
    handler: Handler
    operation_id: str
    summary: str
    permission: Permission
    tag: str
    query: type[Any] | None = None
    request: type[Any] | None = None
    response: type[Any] | None = None
    streams: bool = False
    errors: tuple[type[AppError], ...] = ()
    documented: bool = True
    respond_error: Callable[[Request, AppError], Awaitable[None]] = respond_problem


class Dispatcher:
    """Serve `routes` raw and everything else by `fallback`; run the lifespan callables around both."""

    def __init__(
        self,
        routes: Sequence[Route],
        fallback: ASGIApp,
        *,
        startup: Sequence[Callable[[], Awaitable[None]]] = (),
        shutdown: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self.routes = tuple(routes)
        self._fallback = fallback
        self._startup = startup
        self._shutdown = shutdown
        self._exact = {(route.method, route.path): route for route in routes if "{" not in route.path}
        self._allowed = _documented_methods(routes)
        self._patterns = [(route, _compile(route.path)) for route in routes if "{" in route.path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        if scope["type"] != "http":
            return await self._fallback(scope, receive, send)
        scope.setdefault("state", {})["request_id"] = request_id = new_id("req")
        route, path_params = self.find(scope["method"], scope["path"])
        if route is not None:
            return await serve(route, Request.from_scope(scope, receive, send, path_params))
        if allowed := self._allowed.get(scope["path"]):
            return await _refuse_method(Request.from_scope(scope, receive, send, {}), allowed)
        return await self._fallback(scope, receive, _with_request_id(send, request_id))

    def find(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        """Return the raw route of a request and the parameters in its path; None where the fallback serves it."""
        if route := self._exact.get((method, path)):
            return route, {}
        for route, pattern in self._patterns:
            if route.method == method and (match := pattern.fullmatch(path)):
                return route, match.groupdict()
        return None, {}

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            for step in self._startup:
                await step()
        except Exception as error:
            log.exception("startup failed")
            return await send({"type": "lifespan.startup.failed", "message": str(error)})
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for step in self._shutdown:
            try:
                await step()
            except Exception:
                log.exception("shutdown step failed")
        return await send({"type": "lifespan.shutdown.complete"})


def _documented_methods(routes: Sequence[Route]) -> dict[str, str]:
    """Return the methods of each plain path of the API; beside an undocumented route the fallback may have its own."""
    methods: dict[str, list[str]] = {}
    for route in routes:
        if route.documented and "{" not in route.path:
            methods.setdefault(route.path, []).append(route.method)
    return {path: ", ".join(found) for path, found in methods.items()}


async def _refuse_method(request: Request, allowed: str) -> None:
    request.answer_headers.append((b"allow", allowed.encode()))
    await respond_problem(request, MethodNotAllowedError(f"{request.path} takes {allowed}, not {request.method}."))


def _compile(path: str) -> re.Pattern[str]:
    pattern = re.sub(r"\\{(\w+):path\\}", r"(?P<\1>.+)", re.escape(path))
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", pattern))


def _with_request_id(send: Send, request_id: str) -> Send:
    async def send_with_id(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
        await send(message)

    return send_with_id


async def serve(route: Route, request: Request) -> None:
    """Run the handler and answer for what it raises.

    What failed, was refused or took long has a line in the log, without bodies or credentials; the rest is counted,
    and what it did has its record: a line for each would cost as much as forwarding the request.
    """
    began = time.perf_counter()
    left = False
    try:
        await route.handler(request)
    except ClientGoneError:
        left = True
    except asyncio.CancelledError:
        if request.channel.status is None:
            with contextlib.suppress(OSError):
                await route.respond_error(request, stopped())
        raise
    except Exception as error:
        known = explain(request, error)
        if request.channel.status is not None:
            raise  # the status line is out: only breaking the connection tells the client
        with contextlib.suppress(OSError):
            await route.respond_error(request, known)
    finally:
        seconds = time.perf_counter() - began
        status = CLIENT_CLOSED_REQUEST if left else request.channel.status
        REQUESTS.inc(route.operation_id, str(status))
        if status is None or status >= 400 or seconds >= SLOW_SECONDS:
            log.info(
                "request",
                request_id=request.request_id,
                method=route.method,
                path=route.path,
                status=status,
                milliseconds=round(seconds * 1000, 1),
            )
