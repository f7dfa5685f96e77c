"""Sums of the request log, by organisation, model and stretch of time: what rollups keep and the live tail adds."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from django.db.models import Max, QuerySet, Sum, TextField
from django.db.models.functions import Cast, Substr

from patchbay.kernel.usage import queries as usage
from patchbay.kernel.usage.contracts import SLOT_MINUTES, UsageSum
from patchbay.products.gateway.models import FailedRequest, RequestRollup

LEVELS = (SLOT_MINUTES * 60, 3600)
"""Lengths in seconds of the stretches that are kept."""
SOURCES = ("usage", "failures")
COUNTED = (
    "requests",
    "errors",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "cost_micro",
)
Sums = Mapping[tuple[str, datetime, str], RequestRollup]
"""Unsaved rows by organisation, start and model."""

# As in `usage.queries.sum_up`: both databases write a time so that its first 15 characters are its ten minutes.
_SLOT = Substr(Cast("created_at", TextField()), 1, 15)


def newest(source: str) -> int:
    """Return the newest position of a source, 0 when it is empty."""
    if source == "usage":
        return usage.newest_position()
    return FailedRequest.objects.aggregate(newest=Max("position"))["newest"] or 0


def sum_new(source: str, *, after: int, up_to: int) -> Sums:
    """Sum up what all organisations did from above one position up to another, by the finest stretches."""
    if source == "usage":
        return _of_usage(usage.sum_up(after=after, up_to=up_to))
    return _of_failures(FailedRequest.objects.filter(position__gt=after, position__lte=up_to))


def sum_tail(source: str, organisation_id: str, *, after: int, since: datetime, until: datetime) -> Sums:
    """Sum up what an organisation did in a time and above a position, by the finest stretches."""
    if source == "usage":
        return _of_usage(usage.sum_up(after=after, organisation_id=organisation_id, since=since, until=until))
    return _of_failures(
        FailedRequest.objects.filter(
            position__gt=after, organisation_id=organisation_id, created_at__gte=since, created_at__lt=until
        )
    )


def at_level(sums: Sums, level: int) -> Sums:
    """Return the sums by longer stretches of `level` seconds."""
    if level == LEVELS[0]:
        return {key: _copy(row, key[1], level) for key, row in sums.items()}
    longer: dict[tuple[str, datetime, str], RequestRollup] = {}
    for (organisation_id, start, model), row in sums.items():
        begin = floor(start, level)
        key = (organisation_id, begin, model)
        if key in longer:
            include(longer[key], row)
        else:
            longer[key] = _copy(row, begin, level)
    return longer


def include(row: RequestRollup, more: RequestRollup) -> None:
    """Add the sums of `more` to a row."""
    for name in COUNTED:
        setattr(row, name, getattr(row, name) + getattr(more, name))
    for name in ("latencies", "counts"):
        counts: dict[str, int] = getattr(row, name)
        for item, count in getattr(more, name).items():
            counts[item] = counts.get(item, 0) + count


def floor(moment: datetime, seconds: int) -> datetime:
    """Return the beginning of the stretch that holds a moment; stretches are counted from 1970."""
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def empty_row(organisation_id: str, start: datetime, model: str, seconds: int = LEVELS[0]) -> RequestRollup:
    """Return a row that counts nothing yet."""
    return RequestRollup(
        organisation_id=organisation_id, seconds=seconds, start=start, model=model, latencies={}, counts={}
    )


def _of_usage(found_sums: Iterable[UsageSum]) -> Sums:
    rows = {}
    for found in found_sums:
        row = rows[found.organisation_id, found.start, found.model] = empty_row(
            found.organisation_id, found.start, found.model
        )
        for name in COUNTED:
            if name != "errors":
                setattr(row, name, getattr(found, name))
        row.latencies = {str(number): count for number, count in found.latencies.items()}  # as JSON gives it back
        row.counts = dict(found.counts)
    return rows


def _of_failures(rows: QuerySet[FailedRequest]) -> Sums:
    grouped = rows.annotate(slot=_SLOT).order_by().values_list("organisation_id", "slot", "alias")
    sums = {}
    for organisation, slot, model, errors in grouped.annotate(errors=Sum("requests")):
        start = datetime.fromisoformat(f"{slot}0:00+00:00")
        row = sums[organisation, start, model] = empty_row(organisation, start, model)
        row.requests = row.errors = errors
    return sums


def _copy(row: RequestRollup, start: datetime, level: int) -> RequestRollup:
    copy = empty_row(row.organisation_id, start, row.model, level)
    include(copy, row)
    return copy
