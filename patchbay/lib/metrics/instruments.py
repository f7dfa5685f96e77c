"""What is counted: an update is one dict access, well under a microsecond; everything else happens on a scrape.

An instrument stands in a module and registers itself. Label values come in the order of `labels`; above `MAX_SERIES`
different ones, new ones are counted together as "other", so that no client can make memory grow.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

MAX_SERIES = 2000
OTHER = "other"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Upper bounds of the buckets for times of requests."""

Labels = tuple[str, ...]


class Distribution(msgspec.Struct):
    """How many values fell into each bucket, the last one having no bound, and their sum."""

    buckets: list[int]
    total: float = 0.0


class Counter:
    """A number that only grows."""

    def __init__(self, name: str, what: str, labels: Labels = ()) -> None:
        self.name, self.what, self.labels = name, what, labels
        self.values: dict[Labels, float] = {}
        _register(self)

    def inc(self, *labels: str, by: float = 1) -> None:
        try:
            self.values[labels] += by
        except KeyError:
            labels = _bounded(self.values, labels)
            self.values[labels] = self.values.get(labels, 0) + by


class Histogram:
    """How values are distributed over `bounds`, ascending."""

    def __init__(self, name: str, what: str, labels: Labels = (), bounds: tuple[float, ...] = SECONDS) -> None:
        self.name, self.what, self.labels, self.bounds = name, what, labels, bounds
        self.values: dict[Labels, Distribution] = {}
        _register(self)

    def observe(self, value: float, *labels: str) -> None:
        try:
            found = self.values[labels]
        except KeyError:
            labels = _bounded(self.values, labels)
            found = self.values.setdefault(labels, Distribution([0] * (len(self.bounds) + 1)))
        found.buckets[bisect_left(self.bounds, value)] += 1
        found.total += value


class Gauge:
    """A number that is read when asked for: `watch` says how; processes are folded by `fold`.

    With one label, what is read is a mapping from its values to numbers.
    """

    def __init__(self, name: str, what: str, labels: Labels = (), fold: Literal["sum", "max"] = "sum") -> None:
        self.name, self.what, self.labels, self.fold = name, what, labels, fold
        self._read: Callable[[], float | Mapping[str, float]] | None = None
        _register(self)

    def watch(self, read: Callable[[], float | Mapping[str, float]]) -> None:
        self._read = read

    @property
    def values(self) -> dict[Labels, float]:
        if self._read is None:
            return {}
        found = self._read()
        if isinstance(found, Mapping):
            return {(label,): value for label, value in found.items()}
        return {(): found}


Instrument = Counter | Histogram | Gauge
instruments: dict[str, Instrument] = {}
"""Every instrument of this process by its name."""


def _register(instrument: Instrument) -> None:
    if instruments.setdefault(instrument.name, instrument) is not instrument:
        raise ValueError(f"There are two metrics {instrument.name}.")


def _bounded(values: Mapping[Labels, object], labels: Labels) -> Labels:
    return labels if len(values) < MAX_SERIES else (OTHER,) * len(labels)
