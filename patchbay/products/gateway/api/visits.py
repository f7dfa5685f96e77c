"""One request at a door, as the metrics count it and the request log keeps it: told once, when it is over."""

import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from patchbay.lib.asgi.channel import ClientGoneError
from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.routing import CLIENT_CLOSED_REQUEST
from patchbay.lib.errors import AppError, InvalidError, from_exception
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine.calls import Call
from patchbay.products.gateway.engine.contracts import Ask
from patchbay.products.gateway.engine.failures import note_failure
from patchbay.products.gateway.engine.metrics import observe
from patchbay.products.gateway.engine.request_log import REQUEST_LOG, Body
from patchbay.products.gateway.engine.terms import Terms
from patchbay.products.gateway.wire.contracts import Wire


class Visit(msgspec.Struct):
    """What is known of a request by the time it is over; a success is a usage record already, a failure is told here.

    `answer` are the bytes that the client got, kept only where the organisation asked for it (`keeps_bodies`).
    """

    began: float
    caller: Caller | None = None
    ask: Ask | None = None
    model: str = ""
    terms: Terms | None = None
    call: Call | None = None
    cache: Literal["hit", "miss"] | None = None
    status: int = 200
    error: AppError | None = None
    answer: bytes = b""

    def fail(self, error: AppError) -> None:
        """Note what the client was told."""
        self.error = error
        self.status = status_of(error)

    @property
    def keeps_bodies(self) -> bool:
        return self.terms is not None and self.terms.catalogue.log_bodies


Serve = Callable[[Request, Visit], Awaitable[None]]


async def watch(request: Request, wire: Wire, operation: str, serve: Serve) -> None:
    """Serve one request, then count it and, if it failed, note why; what it raises goes on."""
    visit = Visit(time.monotonic())
    try:
        await serve(request, visit)
    except ClientGoneError:
        visit.status = CLIENT_CLOSED_REQUEST
        raise
    except Exception as error:
        visit.fail(from_exception(error))
        raise
    finally:
        _tell(request, wire, operation, visit)


def status_of(error: AppError) -> int:
    """Return the status under which the vendors' formats tell an error: what is not valid is a plain 400 there."""
    return 400 if isinstance(error, InvalidError) else error.status


def _tell(request: Request, wire: Wire, operation: str, visit: Visit) -> None:
    seconds, call, terms = time.monotonic() - visit.began, visit.call, visit.terms
    observe(
        door=operation,
        model=terms.alias.name if terms is not None else "",
        status=visit.status,
        seconds=seconds,
        first_byte_seconds=call.first_seconds if call is not None else None,
        usage=call.used if call is not None else None,
        tries=len(call.tries) if call is not None else 0,
        cache=visit.cache,
    )
    if visit.error is not None:
        note_failure(
            request.request_id,
            visit.caller,
            visit.error,
            door=operation,
            status=visit.status,
            seconds=seconds,
            model=visit.model,
            tries=call.tries if call is not None else (),
        )
    if visit.keeps_bodies:
        _note_body(request, wire, visit)


def _note_body(request: Request, wire: Wire, visit: Visit) -> None:
    ask, terms = visit.ask, visit.terms
    assert terms is not None
    if ask is None:
        return
    answer = visit.answer
    if visit.error is not None and not answer:
        answer = wire.error_body(visit.error, request.request_id)
    days = terms.catalogue.body_days
    REQUEST_LOG.note_body(Body(request.request_id, ask.caller.organisation_id, ask.body, answer, days))
