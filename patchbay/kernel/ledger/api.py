"""Credits over REST: the balance, and the history as pages or CSV."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema

from patchbay.kernel.ledger import queries
from patchbay.lib.money import to_text
from patchbay.lib.rest import Credits, PageOut, PagingQuery, Timestamp, to_rfc3339

router = Router(tags=["Credits"])
HistoryKind = Literal["grant", "spend", "expire", "clawback", "repay"]


class BalanceOut(Schema):
    """`available` is everything unspent; `held` is what holds keep apart for work under way."""

    available: Credits
    held: Credits
    currency: Literal["credits"] = "credits"


class EntryOut(Schema):
    """One line of the history: positive amounts came in, negative ones went out."""

    id: str
    kind: str
    amount: Credits
    request_id: str | None
    reason: str
    created_at: Timestamp


class HistoryFilter(Schema):
    kind: HistoryKind | None = None
    since: datetime | None = None
    until: datetime | None = None


HistoryQuery = Query[HistoryFilter]


@router.get("/balance", response=BalanceOut, summary="Read the credit balance")
def get_balance(request: HttpRequest) -> dict[str, int]:
    balance = queries.get_balance(_organisation(request))
    return {"available": balance.available_micro, "held": balance.held_micro}


@router.get("/entries", response=PageOut[EntryOut], summary="List ledger entries, newest first")
def list_entries(request: HttpRequest, paging: PagingQuery, filters: HistoryQuery) -> dict[str, Any]:
    page = queries.list_entries(
        _organisation(request),
        kind=filters.kind,
        since=filters.since,
        until=filters.until,
        limit=paging.limit,
        cursor=paging.cursor,
    )
    rows = [
        {
            "id": entry.id,
            "kind": entry.kind,
            "amount": entry.amount_micro,
            "request_id": entry.request_id or None,
            "reason": entry.reason,
            "created_at": entry.created_at,
        }
        for entry in page.data
    ]
    return {"data": rows, "next_cursor": page.next_cursor}


@router.get("/entries.csv", summary="Export ledger entries as CSV", include_in_schema=False)
def export_entries(request: HttpRequest, filters: HistoryQuery) -> StreamingHttpResponse:
    lines = csv_lines(_organisation(request), kind=filters.kind, since=filters.since, until=filters.until)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="credits.csv"'
    return response


def csv_lines(
    organisation_id: str, *, kind: str | None = None, since: datetime | None = None, until: datetime | None = None
) -> Iterator[str]:
    """Yield the history as CSV lines; a text that a spreadsheet would run as a formula is quoted with an apostrophe."""
    yield _line("id", "created_at", "kind", "credits", "request_id", "reason")
    for entry in queries.iterate_entries(organisation_id, kind=kind, since=since, until=until):
        reason = f"'{entry.reason}" if entry.reason[:1] in ("=", "+", "-", "@", "\t", "\r") else entry.reason
        created_at = to_rfc3339(entry.created_at)
        yield _line(entry.id, created_at, entry.kind, to_text(entry.amount_micro), entry.request_id, reason)


def _line(*fields: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(fields)
    return buffer.getvalue()


def _organisation(request: HttpRequest) -> str:
    organisation_id: str = request.actor.organisation_id  # type: ignore[attr-defined]
    return organisation_id
