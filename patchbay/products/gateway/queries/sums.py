"""Sums of the request log, by organisation, model and stretch of time: what rollups keep and the live tail adds."""

from collections.abc import Mapping
from datetime import UTC, datetime

from django.db.models import Count, Max, TextField
from django.db.models.functions import Cast, Substr

from patchbay.kernel.usage import queries as usage
from patchbay.kernel.usage.contracts import SLOT_MINUTES
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


def sum_source(source: str, *, after: int, up_to: int | None = None, organisation_id: str | None = None) -> Sums:
    """Sum up a source above a position, of one organisation or of all, by the finest stretches."""
    if source == "usage":
        return _of_usage(after, up_to, organisation_id)
    return _of_failures(after, up_to, organisation_id)


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


def _of_usage(after: int, up_to: int | None, organisation_id: str | None) -> Sums:
    rows = {}
    for found in usage.sum_up(after=after, up_to=up_to, organisation_id=organisation_id):
        row = rows[found.organisation_id, found.start, found.model] = empty_row(
            found.organisation_id, found.start, found.model
        )
        for name in COUNTED:
            if name != "errors":
                setattr(row, name, getattr(found, name))
        row.latencies = {str(number): count for number, count in found.latencies.items()}  # as JSON gives it back
        row.counts = dict(found.counts)
    return rows


def _of_failures(after: int, up_to: int | None, organisation_id: str | None) -> Sums:
    rows = FailedRequest.objects.filter(position__gt=after)
    rows = rows if up_to is None else rows.filter(position__lte=up_to)
    rows = rows if organisation_id is None else rows.filter(organisation_id=organisation_id)
    grouped = rows.annotate(slot=_SLOT).order_by().values_list("organisation_id", "slot", "alias")
    sums = {}
    for organisation, slot, model, errors in grouped.annotate(errors=Count("position")):
        start = datetime.fromisoformat(f"{slot}0:00+00:00")
        row = sums[organisation, start, model] = empty_row(organisation, start, model)
        row.requests = row.errors = errors
    return sums


def _copy(row: RequestRollup, start: datetime, level: int) -> RequestRollup:
    copy = empty_row(row.organisation_id, start, row.model, level)
    include(copy, row)
    return copy
