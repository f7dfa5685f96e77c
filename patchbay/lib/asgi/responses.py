"""Answers of raw routes; each carries the request's `answer_headers`, its id among them."""

import math
from collections.abc import Iterable
from typing import Any

import structlog

from patchbay.lib.asgi.request import Request, json_bytes
from patchbay.lib.asgi.types import Headers
from patchbay.lib.errors import AppError, UnavailableError, from_exception, problem

log = structlog.get_logger(__name__)
JSON = b"application/json"
PROBLEM = b"application/problem+json"


async def respond(
    request: Request,
    status: int,
    body: bytes,
    *,
    content_type: bytes = JSON,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Send a whole answer."""
    await request.channel.whole(status, [(b"content-type", content_type), *request.answer_headers, *headers], body)


async def respond_json(request: Request, value: Any, *, status: int = 200, headers: Headers | None = None) -> None:
    """Send a value as JSON."""
    await respond(request, status, json_bytes(value), headers=headers or ())


async def respond_problem(request: Request, error: AppError, *, headers: Headers | None = None) -> None:
    """Send an error as RFC 9457 problem details."""
    body = json_bytes(problem(error, request_id=request.request_id))
    extra = [*(headers or ()), *error_headers(error)]
    await respond(request, error.status, body, content_type=PROBLEM, headers=extra)


def error_headers(error: AppError) -> Headers:
    """The headers that an error asks for: its own, when to come back, how to authenticate."""
    headers: Headers = [*error.headers]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers


def explain(request: Request, error: Exception) -> AppError:
    """Return what an exception means to the client; what is our fault is logged, with a trace if nobody foresaw it."""
    known = from_exception(error)
    if known.status < 500:
        return known
    if known is not error:
        log.error("request failed", request_id=request.request_id, code=known.code, exc_info=error)
    else:
        log.warning("request refused", request_id=request.request_id, code=known.code, detail=known.message)
    return known


def stopped() -> AppError:
    """Say to whoever waits that the drain is over: the server cancels what has not answered by its end."""
    return UnavailableError(
        "Patchbay was stopped before it had answered.",
        next_step="Send the request again, with the same Idempotency-Key if it has one.",
        retry_after=2,
    )
