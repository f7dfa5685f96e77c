"""The gateway at a glance: requests, errors, tokens, cost and latencies over time, and by model.

Rollups give what was summed up already, the live tail is summed up here: a month of a million requests is read from
some hundred rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.usage.contracts import LATENCY_BOUNDS
from patchbay.lib.errors import FieldError, InvalidError
from patchbay.products.gateway.models import RequestRollup, RollupMark
from patchbay.products.gateway.queries.sums import LEVELS, SOURCES, at_level, empty_row, floor, include, sum_tail

MAX_POINTS = 1_000


@dataclass(frozen=True, slots=True)
class Latencies:
    """Milliseconds under which half, 95 and 99 of 100 successful requests stayed; None when there was none.

    Read from bins whose bounds are a fifth apart: right to within that.
    """

    p50: int | None
    p95: int | None
    p99: int | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """Sums of some requests. `tokens` are counts by item of the price list, zeros left out."""

    requests: int
    errors: int
    tokens: Mapping[str, int]
    cost_micro: int
    latency: Latencies

    @property
    def error_rate(self) -> float:
        """Failed requests among all, from 0 to 1."""
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """The numbers of one step that begins at `start`."""

    start: datetime
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class ModelNumbers:
    """The numbers of one model, by the name that clients used."""

    model: str
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Overview:
    """What happened in `since` ≤ t < `until`, both at steps of `step`: in all, step by step, and by model, the dearest
    first. Every step has its point, empty ones too."""

    since: datetime
    until: datetime
    step: timedelta
    total: Numbers
    points: tuple[Point, ...]
    models: tuple[ModelNumbers, ...]


def overview(organisation_id: str, *, since: datetime, until: datetime, step: timedelta) -> Overview:
    """Return the numbers of an organisation; `since` is moved back to, `until` on to, a whole step.

    `step` is a multiple of ten minutes. Of the fine ones (no whole hours) two weeks are kept, of the others 400 days.
    InvalidError when that asks for more than MAX_POINTS.
    """
    seconds = _checked(since, until, step)
    begin, end = floor(since, seconds), floor(until, seconds)
    if end < until:
        end += step
    count = int((end - begin) / step)
    steps = [empty_row(organisation_id, begin + step * number, "") for number in range(count)]
    models: dict[str, RequestRollup] = {}
    total = empty_row(organisation_id, begin, "")
    for row in _rows(organisation_id, begin, end, LEVELS[1] if seconds % LEVELS[1] == 0 else LEVELS[0]):
        include(steps[int((row.start - begin) / step)], row)
        include(models.setdefault(row.model, empty_row(organisation_id, begin, row.model)), row)
        include(total, row)
    dearest = sorted(models.values(), key=lambda row: (-row.cost_micro, -row.requests, row.model))
    return Overview(
        since=begin,
        until=end,
        step=step,
        total=_numbers(total),
        points=tuple(Point(row.start, _numbers(row)) for row in steps),
        models=tuple(ModelNumbers(row.model, _numbers(row)) for row in dearest),
    )


def quantile(latencies: Mapping[str, int], share: float) -> int | None:
    """Return the milliseconds under which a share of the counted requests stayed, read straight across its bin."""
    whole = sum(latencies.values())
    rank, passed = share * whole, 0
    for number, count in sorted((int(number), count) for number, count in latencies.items()):
        if count and passed + count >= rank:
            low = LATENCY_BOUNDS[number - 1] if number else 0
            high = LATENCY_BOUNDS[min(number, len(LATENCY_BOUNDS) - 1)]
            return round(low + (high - low) * (rank - passed) / count)
        passed += count
    return None


def _rows(organisation_id: str, begin: datetime, end: datetime, level: int) -> list[RequestRollup]:
    """Return what was summed up and the tail, as of one moment: no request twice, none left out."""
    with ledger.snapshot():
        marks = dict(RollupMark.objects.values_list("source", "position"))
        kept = RequestRollup.objects.filter(
            organisation_id=organisation_id, seconds=level, start__gte=begin, start__lt=end
        )
        rows = list(kept)
        for source in SOURCES:
            tail = sum_tail(source, organisation_id, after=marks.get(source, 0), since=begin, until=end)
            rows += at_level(tail, level).values()
    return rows


def _numbers(row: RequestRollup) -> Numbers:
    tokens = {name: getattr(row, name) for name in ("prompt_tokens", "cached_tokens", "completion_tokens")}
    latency = Latencies(*(quantile(row.latencies, share) for share in (0.5, 0.95, 0.99)))
    counted = {item: count for item, count in (tokens | row.counts).items() if count}
    return Numbers(row.requests, row.errors, counted, row.cost_micro, latency)


def _checked(since: datetime, until: datetime, step: timedelta) -> int:
    seconds = int(step.total_seconds())
    faults = []
    if seconds <= 0 or seconds % LEVELS[0]:
        faults.append(FieldError("step", "Use a multiple of ten minutes."))
    if since >= until:
        faults.append(FieldError("until", "Choose a time after the beginning."))
    elif not faults and (until - since) / step > MAX_POINTS:
        faults.append(FieldError("step", f"Choose longer steps: these make more than {MAX_POINTS:,}."))
    if faults:
        raise InvalidError("There is no picture of that time.", fields=tuple(faults))
    return seconds
