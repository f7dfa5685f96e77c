"""Rates in the memory of one process.

One number for each name (its theoretical arrival time) gives a burst of a whole minute's requests and then an even
flow, without windows whose edges could be doubled.
"""

import time
from collections.abc import Callable, Sequence

from patchbay.lib.shared.contracts import WINDOW_SECONDS, Rate, Taken

_SWEEP_AT = 10_000
_ROUNDING = 0.01
"""The part of an interval by which a request may come early: the sum of n intervals must not miss the window."""


class MemoryRates:
    """Counts for one process; not for use by several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._arrivals: dict[str, float] = {}
        self._sweep_at = _SWEEP_AT

    def take_now(self, rates: Sequence[Rate]) -> Taken:
        """Take at once, as memory can."""
        now = self._clock()
        known = self._arrivals
        granted, arrivals = True, []
        for name, per_minute in rates:
            interval = WINDOW_SECONDS / per_minute
            arrival = known.get(name, now)
            if arrival < now:
                arrival = now
            if arrival - now + interval * (1 - _ROUNDING) > WINDOW_SECONDS:
                granted = False
            arrivals.append(arrival)
        if not granted:
            return Taken(False, [arrival - now for arrival in arrivals])
        for index, (name, per_minute) in enumerate(rates):
            arrivals[index] += WINDOW_SECONDS / per_minute
            self._remember(name, arrivals[index], now)
        return Taken(True, [arrival - now for arrival in arrivals])

    async def take(self, rates: Sequence[Rate]) -> Taken:
        """Take, for callers that do not ask which store they have."""
        return self.take_now(rates)

    def _remember(self, name: str, arrival: float, now: float) -> None:
        if name not in self._arrivals and len(self._arrivals) >= self._sweep_at:
            self._arrivals = {key: value for key, value in self._arrivals.items() if value > now}
            self._sweep_at = max(_SWEEP_AT, 2 * len(self._arrivals))  # so that sweeping stays cheap when all are busy
        self._arrivals[name] = arrival
