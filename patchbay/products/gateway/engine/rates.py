"""How many requests a minute an organisation may make, by the generic cell rate algorithm, in process memory.

One number for each organisation (its theoretical arrival time) gives a burst of a whole minute's requests and then
an even flow, without windows whose edges could be doubled.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from patchbay.lib.asgi.types import Headers
from patchbay.lib.errors import RateLimitedError

WINDOW_SECONDS = 60.0
_SWEEP_AT = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left: `remaining` requests now, the whole `limit` again after `reset_seconds`."""

    limit: int
    remaining: int
    reset_seconds: float

    def headers(self) -> Headers:
        """RateLimit and RateLimit-Policy, by draft-ietf-httpapi-ratelimit-headers-10."""
        return [
            (b"ratelimit-policy", f'"plan";q={self.limit};w={int(WINDOW_SECONDS)}'.encode()),
            (b"ratelimit", f'"plan";r={self.remaining};t={math.ceil(self.reset_seconds)}'.encode()),
        ]


class RateLimiter:
    """Counts for one process; not for use by several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._arrivals: dict[str, float] = {}
        self._sweep_at = _SWEEP_AT

    def take(self, name: str, per_minute: int) -> tuple[Allowance, bool]:
        """Take one request of `name`; return what is left, and whether it was granted."""
        now = self._clock()
        per_minute = max(1, per_minute)
        interval = WINDOW_SECONDS / per_minute
        arrival = max(self._arrivals.get(name, now), now)
        # A hair of tolerance: the sum of n intervals must not exceed the window by rounding.
        granted = arrival + interval - now <= WINDOW_SECONDS + 1e-6
        if granted:
            arrival += interval
            self._remember(name, arrival, now)
        used = arrival - now
        remaining = max(0, math.floor((WINDOW_SECONDS - used) / interval + 1e-6))
        return Allowance(per_minute, remaining, used), granted

    def _remember(self, name: str, arrival: float, now: float) -> None:
        if name not in self._arrivals and len(self._arrivals) >= self._sweep_at:
            self._arrivals = {key: value for key, value in self._arrivals.items() if value > now}
            self._sweep_at = max(_SWEEP_AT, 2 * len(self._arrivals))  # so that sweeping stays cheap when all are busy
        self._arrivals[name] = arrival


LIMITER = RateLimiter()
"""The one of this process: every door takes from the same rates."""


def refusal(allowance: Allowance) -> RateLimitedError:
    """Return the error of a request that was not granted, with the time after which the next one is."""
    interval = WINDOW_SECONDS / allowance.limit
    wait = max(0.0, allowance.reset_seconds + interval - WINDOW_SECONDS)
    return RateLimitedError(
        f"Your plan allows {allowance.limit} requests a minute.",
        next_step="Wait as long as Retry-After says, or choose a larger plan at /billing/plans.",
        retry_after=wait,
        extra={"limit": allowance.limit},
    )
