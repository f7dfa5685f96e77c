"""The shared state's interface: one to take from rates, whether they are counted here or in Redis."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

WINDOW_SECONDS = 60.0


class Rate(NamedTuple):
    """`per_minute` requests (at least 1) for everything that is counted under `name`."""

    name: str
    per_minute: int


class Taken(NamedTuple):
    """Whether a request was granted, and for each of its rates the seconds until all of it is there again."""

    granted: bool
    used_seconds: Sequence[float]


class RateStore(Protocol):
    """Counts requests by the generic cell rate algorithm: a burst of a minute's worth, then an even flow.

    A request takes one from all of its rates or, when one of them has none left, from none. For one event loop.
    """

    def take_now(self, rates: Sequence[Rate]) -> Taken | None:
        """Take if that needs no waiting; None where only `take` can."""

    async def take(self, rates: Sequence[Rate]) -> Taken:
        """Take; UnavailableError when the state is away."""
