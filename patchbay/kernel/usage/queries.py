"""Reading usage: records of one organisation, and the proof that records and ledger agree."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import Case, Count, IntegerField, Max, QuerySet, Sum, TextField, Value, When
from django.db.models.functions import Cast, Substr

from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.ledger.contracts import BudgetView
from patchbay.kernel.plans.contracts import CostLine
from patchbay.kernel.usage.contracts import LATENCY_BOUNDS, RARER, RecordView, UsageSum
from patchbay.kernel.usage.models import HistoryRecord, UsageRecord
from patchbay.lib.paging import DEFAULT_LIMIT, Page, page_of

_decode_lines = msgspec.json.Decoder(tuple[CostLine, ...]).decode
_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


def list_records(
    organisation_id: str,
    *,
    request_id: str | None = None,
    key_id: str | None = None,
    plug_id: str | None = None,
    model: str | None = None,
    provider: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[RecordView]:
    """Return records, newest first; `since` ≤ time < `until`."""
    conditions = {"request_id": request_id, "key_id": key_id, "plug_id": plug_id, "model": model, "provider": provider}
    rows = _filter(organisation_id, **conditions, since=since, until=until)
    page = page_of(rows, limit=limit, cursor=cursor, key="request_id")
    return Page([_view(row) for row in page.data], page.next_cursor)


def find_record(organisation_id: str, request_id: str) -> RecordView | None:
    """Return the record of one request, or None."""
    row = UsageRecord.objects.filter(organisation_id=organisation_id, request_id=request_id).first()
    return _view(row) if row else None


def find_records(organisation_id: str, request_ids: Iterable[str]) -> dict[str, RecordView]:
    """Return the records of some requests by request id; those that have none are missing."""
    rows = UsageRecord.objects.filter(organisation_id=organisation_id, request_id__in=list(request_ids))
    return {row.request_id: _view(row) for row in rows}


def find_organisation_budget(organisation_id: str) -> BudgetView | None:
    """Return the cap on what the whole organisation spends in a month, as it stands, or None."""
    found = [budget for budget in ledger.list_budgets(organisation_id) if budget.scope == "organisation"]
    return found[0] if found else None


def total_cost(organisation_id: str, *, since: datetime | None = None, until: datetime | None = None) -> int:
    """Return what was charged in a time, in micro-credits."""
    rows = _filter(organisation_id, request_id=None, key_id=None, plug_id=None, since=since, until=until)
    return rows.aggregate(total=Sum("cost_micro"))["total"] or 0


def count_records(organisation_id: str, *, since: datetime | None = None, until: datetime | None = None) -> int:
    """Return how many metered acts there were in a time."""
    return _filter(organisation_id, request_id=None, key_id=None, plug_id=None, since=since, until=until).count()


def newest_position() -> int:
    """Return the position of the newest record, 0 without any.

    On SQLite positions are in the order of commit. On PostgreSQL a lower one may yet appear, until every transaction
    that was open has ended.
    """
    return UsageRecord.objects.aggregate(newest=Max("position"))["newest"] or 0


def sum_up(
    *,
    after: int,
    up_to: int | None = None,
    organisation_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[UsageSum]:
    """Sum up the records of positions above `after` and up to `up_to`, of one organisation or of all; `since` ≤ time
    < `until`.

    The database does the sums: what comes back is as large as what differs, not as what was done.
    """
    rows = UsageRecord.objects.filter(position__gt=after)
    rows = rows if up_to is None else rows.filter(position__lte=up_to)
    rows = rows if organisation_id is None else rows.filter(organisation_id=organisation_id)
    rows = rows if since is None else rows.filter(created_at__gte=since)
    rows = rows if until is None else rows.filter(created_at__lt=until)
    grouped = rows.annotate(slot=_SLOT, bin=_BIN).order_by().values("organisation_id", "slot", "model", "bin")
    tokens = {name: Sum(name) for name in ("prompt_tokens", "cached_tokens", "completion_tokens")}
    sums: dict[tuple[str, str, str], UsageSum] = {}
    row: dict[str, Any]
    for row in grouped.annotate(requests=Count("position"), cost=Sum("cost_micro"), **tokens):  # type: ignore[assignment]
        found = _sum_of(sums, row["organisation_id"], row["slot"], row["model"])
        found.requests += row["requests"]
        found.cost_micro += row["cost"]
        found.latencies[row["bin"]] = row["requests"]
        for name in tokens:
            setattr(found, name, getattr(found, name) + row[name])
    rarer = rows.exclude(counts="").annotate(slot=_SLOT).values_list("organisation_id", "slot", "model", "counts")
    for organisation, slot, model, text in rarer.iterator(chunk_size=5_000):
        counts = _sum_of(sums, organisation, slot, model).counts
        for item, count in _decode_counts(text).items():
            counts[item] = counts.get(item, 0) + count
    return list(sums.values())


def _sum_of(sums: dict[tuple[str, str, str], UsageSum], organisation_id: str, slot: str, model: str) -> UsageSum:
    key = (organisation_id, slot, model)
    if key not in sums:
        start = datetime.fromisoformat(f"{slot}0:00+00:00")
        sums[key] = UsageSum(organisation_id, start, model, latencies={}, counts={})
    return sums[key]


# A time as both databases write it begins with "2026-11-21 15:4": ten minutes, without a function call for each row.
_SLOT = Substr(Cast("created_at", TextField()), 1, 15)


def _bin_between(low: int, high: int) -> Value | Case:
    """Return an expression for the bin of a latency among those from `low` to `high`, found by halving: it is
    evaluated for every row, and one comparison for each bin would cost more than all the sums."""
    if low == high:
        return Value(low)
    middle = (low + high) // 2
    within = When(latency_ms__lte=LATENCY_BOUNDS[middle], then=_bin_between(low, middle))
    return Case(within, default=_bin_between(middle + 1, high), output_field=IntegerField())


_BIN = _bin_between(0, len(LATENCY_BOUNDS))


@ledger.snapshot()
def verify(organisation_id: str) -> list[str]:
    """Return each request whose record and ledger entries disagree; an empty list means sound."""
    spent = ledger.spent_by_request(organisation_id)
    rows = HistoryRecord.objects.filter(organisation_id=organisation_id).values_list("request_id", "cost_micro")
    recorded = dict(rows)
    counted = ledger.spent_by_budgets(organisation_id)
    return [
        f"{request_id}: recorded {recorded.get(request_id, 0)}, {account} counts {amount}"
        for account, request_id, amount in counted
        if amount > recorded.get(request_id, 0)
    ] + [
        f"{request_id}: recorded {cost}, charged {spent.get(request_id, 0)}"
        for request_id, cost in recorded.items()
        if spent.get(request_id, 0) != cost
    ]


def _filter(organisation_id: str, **conditions: object) -> QuerySet[HistoryRecord]:
    since, until = conditions.pop("since"), conditions.pop("until")
    rows = HistoryRecord.objects.filter(organisation_id=organisation_id)
    rows = rows.filter(**{name: value for name, value in conditions.items() if value})
    if since:
        rows = rows.filter(created_at__gte=since)
    return rows.filter(created_at__lt=until) if until else rows


def _view(row: UsageRecord | HistoryRecord) -> RecordView:
    counts = _decode_counts(row.counts) if row.counts else {}
    fields: dict[str, Any] = {item: counts.get(item, 0) for item in RARER}
    fields |= {name: getattr(row, name) for name in RecordView.__slots__ if name not in ("id", "lines", *RARER)}
    return RecordView(id=f"usage_{row.request_id.rpartition('_')[2]}", lines=_decode_lines(row.lines), **fields)
