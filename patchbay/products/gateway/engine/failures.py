"""Why requests failed, on its way into the request log; refusals that cost us nothing are gathered, or they would fill
it.

A client beyond its rate or its credits can be refused thousands of times a minute. Of those with the same key, door,
model and reason the first is noted at once; the others of its minute become one row more, with their number.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from patchbay.lib.errors import AppError, RateLimitedError
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine.contracts import Try
from patchbay.products.gateway.engine.request_log import REQUEST_LOG, Failure

WINDOW_SECONDS = 60.0
MAX_WINDOWS = 10_000
"""With more keys refused within a minute, the oldest rows are written early."""
_GATHERED = (402, 429)
_Name = tuple[str, ...]


@dataclass(slots=True)
class _Window:
    """A minute of equal refusals, from the second on: the first of those and their number."""

    until: float
    second: Failure | None = None
    number: int = 0


class Refusals:
    """Gathers equal refusals; `write` takes what becomes a row. For one event loop."""

    def __init__(self, write: Callable[[Failure], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._windows: dict[_Name, _Window] = {}
        self._timer: asyncio.TimerHandle | None = None

    def note(self, failure: Failure) -> None:
        """Take one refusal."""
        self._end(self._clock())
        name = (failure.organisation_id, failure.key_id, failure.user_id, failure.door, failure.alias, failure.code)
        window = self._windows.get(name)
        if window is None:
            if len(self._windows) >= MAX_WINDOWS:
                self._end_first()
            self._windows[name] = _Window(self._clock() + WINDOW_SECONDS)
            self._write(failure)
            return
        window.number += 1
        if window.second is None:
            window.second = failure
            self._end_in_time()

    def flush(self) -> None:
        """Write what was gathered, as a server does when it ends."""
        while self._windows:
            self._end_first()

    def forget(self) -> None:
        """Begin anew, as a forked child does: what was gathered is the parent's to write."""
        self._windows = {}
        self._timer = None

    def _end(self, now: float) -> None:
        while self._windows and next(iter(self._windows.values())).until <= now:  # they stand in the order they end in
            self._end_first()

    def _end_first(self) -> None:
        window = self._windows.pop(next(iter(self._windows)))
        if window.second is not None:
            self._write(replace(window.second, requests=window.number))

    def _end_in_time(self) -> None:
        """See to it that the window ends though nobody is refused any more."""
        if self._timer is None and self._windows:
            seconds = max(0.0, next(iter(self._windows.values())).until - self._clock())
            self._timer = asyncio.get_running_loop().call_later(seconds, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._end(self._clock())
        self._end_in_time()


REFUSALS = Refusals(lambda failure: REQUEST_LOG.note_failure(failure))
"""This process's."""
os.register_at_fork(after_in_child=REFUSALS.forget)


def note_failure(
    request_id: str,
    caller: Caller | None,
    error: AppError,
    *,
    door: str,
    status: int,
    seconds: float,
    model: str = "",
    tries: Sequence[Try] = (),
) -> None:
    """Note a failure of somebody whom we know; `status` is what the client was told, `tries` what was asked of whom."""
    if isinstance(error, RateLimitedError) and isinstance(error.whose, Caller):
        caller = error.whose
    if caller is None:
        return
    failure = Failure(
        request_id=request_id,
        organisation_id=caller.organisation_id,
        door=door,
        status=status,
        code=error.code,
        message=error.message,
        alias=model,
        key_id=caller.key_id or "",
        user_id=caller.user_id or "",
        tries=tuple(tries),
        latency_ms=round(seconds * 1000),
    )
    if status in _GATHERED and not tries:
        REFUSALS.note(failure)
    else:
        REQUEST_LOG.note_failure(failure)
