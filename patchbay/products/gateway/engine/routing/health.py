"""A circuit breaker for each target: a failing one is left alone for a while, then probed by a single request."""

import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 30.0
MIN_REQUESTS = 10
FAILURE_RATE = 0.5
OPEN_SECONDS = 10.0
_REMEMBERED = 200


class Breaker:
    """Closed while the target works; open after at least half of ten or more recent tries failed.

    After OPEN_SECONDS it is half open: one probe goes through, whose outcome closes or opens it again.
    """

    __slots__ = ("_clock", "_failures", "_opened_at", "_outcomes", "_probing")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._clock() - self._opened_at >= OPEN_SECONDS else "open"

    @property
    def admits(self) -> bool:
        """Whether a request may go through now."""
        if self._opened_at is None:
            return True
        return not self._probing and self._clock() - self._opened_at >= OPEN_SECONDS

    def begin(self) -> None:
        """Say that a request goes through; while half open it is the probe."""
        if self._opened_at is not None:
            self._probing = True

    def abandon(self) -> None:
        """Say that a request ended without telling anything about the target."""
        self._probing = False

    def succeed(self) -> None:
        if self._opened_at is not None:
            self._reset()
        self._note(failed=False)

    def fail(self) -> None:
        self._note(failed=True)
        if self._opened_at is not None:
            self._opened_at, self._probing = self._clock(), False
        elif len(self._outcomes) >= MIN_REQUESTS and self._failures >= FAILURE_RATE * len(self._outcomes):
            self._opened_at = self._clock()

    def _reset(self) -> None:
        self._outcomes.clear()
        self._failures = 0
        self._opened_at, self._probing = None, False

    def _note(self, *, failed: bool) -> None:
        # A target that never failed needs no memory: only the tries around failures count.
        if not failed and not self._failures:
            return
        now = self._clock()
        self._outcomes.append((now, failed))
        self._failures += failed
        while len(self._outcomes) > _REMEMBERED or now - self._outcomes[0][0] > WINDOW_SECONDS:
            self._failures -= self._outcomes.popleft()[1]
