"""Credits over REST: the balance, and the history as pages or CSV."""

from typing import Any, Literal

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema

from patchbay.kernel.ledger import queries
from patchbay.lib.exports import csv_response
from patchbay.lib.rest import Credits, PageOut, PagingQuery, Timestamp, TimestampIn

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
    since: TimestampIn | None = None
    until: TimestampIn | None = None


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
    lines = queries.iterate_csv(_organisation(request), kind=filters.kind, since=filters.since, until=filters.until)
    return csv_response(lines, "credits.csv")


def _organisation(request: HttpRequest) -> str:
    organisation_id: str = request.actor.organisation_id  # type: ignore[attr-defined]
    return organisation_id
