"""A request at a door to a model, as the metrics count it and the request log keeps it: told once, when it is over."""

import time
from types import TracebackType
from typing import Literal, Self

import msgspec

from patchbay.lib.asgi.channel import ClientGoneError
from patchbay.lib.asgi.routing import CLIENT_CLOSED_REQUEST
from patchbay.lib.errors import AppError, from_exception
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine.calls import Call
from patchbay.products.gateway.engine.failures import note_failure
from patchbay.products.gateway.engine.metrics import observe


class Visit(msgspec.Struct):
    """What is known of a request by the time it is over; a success is a usage record already, a failure is told here.

    Entered before the request is read; what is raised in it goes on. `model` is what the client named, `alias` what
    was found under it: only the latter may be a label of a metric.
    """

    request_id: str
    door: str
    began: float = msgspec.field(default_factory=time.monotonic)
    caller: Caller | None = None
    model: str = ""
    alias: str = ""
    call: Call | None = None
    cache: Literal["hit", "miss"] | None = None
    status: int = 200
    error: AppError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ClientGoneError):
            self.leave()
        elif isinstance(error, Exception):
            self.fail(from_exception(error))
        self.tell()

    def fail(self, error: AppError) -> None:
        """Note what the client was told."""
        self.error = error
        self.status = error.status

    def leave(self) -> None:
        """Note that the client did not wait for the end."""
        self.status = CLIENT_CLOSED_REQUEST

    def tell(self) -> None:
        """Count the request and, if it failed, note why."""
        seconds, call = time.monotonic() - self.began, self.call
        tries = call.tries if call is not None else ()
        observe(
            door=self.door,
            model=self.alias,
            status=self.status,
            seconds=seconds,
            first_byte_seconds=call.first_seconds if call is not None else None,
            usage=call.used if call is not None else None,
            tries=len(tries),
            cache=self.cache,
        )
        if self.error is not None:
            note_failure(
                self.request_id,
                self.caller,
                self.error,
                door=self.door,
                status=self.status,
                seconds=seconds,
                model=self.model,
                tries=tries,
            )
