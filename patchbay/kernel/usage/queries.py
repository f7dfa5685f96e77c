"""Reading usage: records of one organisation, and the proof that records and ledger agree."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import QuerySet, Sum

from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.plans.contracts import CostLine
from patchbay.kernel.usage.contracts import RARER, RecordView
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
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[RecordView]:
    """Return records, newest first; `since` ≤ time < `until`."""
    rows = _filter(organisation_id, request_id=request_id, key_id=key_id, plug_id=plug_id, since=since, until=until)
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


def total_cost(organisation_id: str, *, since: datetime | None = None, until: datetime | None = None) -> int:
    """Return what was charged in a time, in micro-credits."""
    rows = _filter(organisation_id, request_id=None, key_id=None, plug_id=None, since=since, until=until)
    return rows.aggregate(total=Sum("cost_micro"))["total"] or 0


def count_records(organisation_id: str, *, since: datetime | None = None, until: datetime | None = None) -> int:
    """Return how many metered acts there were in a time."""
    return _filter(organisation_id, request_id=None, key_id=None, plug_id=None, since=since, until=until).count()


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
