"""Usage over REST: a record for each metered act, by the request id that its answer carried."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from patchbay.kernel.usage import queries
from patchbay.kernel.usage.contracts import RecordView
from patchbay.lib.rest import Credits, PageOut, PagingQuery, Timestamp

router = Router(tags=["Usage"])


class CostLineOut(Schema):
    """One line of the cost by the price list, rounded up to the micro-credit."""

    item: str
    quantity: int
    credits: Credits


class RecordOut(Schema):
    """One metered act; `credits` is what it was charged. Tokens marked `estimated` were counted by no provider.

    `prompt_tokens` and `completion_tokens` are the wholes; cached, written to the cache, audio and image tokens are
    parts of the prompt, reasoning and audio ones of the completion. `cache_hits` is 1 for an answer from our cache.
    """

    id: str
    request_id: str
    key_id: str | None
    product: str
    operation: str
    plug_id: str | None
    model: str
    provider: str
    environment: str
    prompt_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    audio_prompt_tokens: int
    image_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    audio_completion_tokens: int
    cache_hits: int
    estimated: bool
    latency_ms: int
    outcome: str
    credits: Credits
    lines: list[CostLineOut]
    created_at: Timestamp


class RecordFilter(Schema):
    request_id: str | None = None
    key_id: str | None = None
    plug_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


RecordQuery = Query[RecordFilter]


@router.get("/records", response=PageOut[RecordOut], summary="List usage records, newest first")
def list_records(request: HttpRequest, paging: PagingQuery, filters: RecordQuery) -> dict[str, Any]:
    organisation_id: str = request.actor.organisation_id  # type: ignore[attr-defined]
    page = queries.list_records(organisation_id, limit=paging.limit, cursor=paging.cursor, **filters.dict())
    return {"data": [_out(record) for record in page.data], "next_cursor": page.next_cursor}


def _out(record: RecordView) -> dict[str, Any]:
    shown = {name: getattr(record, name) for name in RecordOut.model_fields if hasattr(record, name)}
    return shown | {
        "key_id": record.key_id or None,
        "plug_id": record.plug_id or None,
        "credits": record.cost_micro,
        "lines": [{"item": line.item, "quantity": line.quantity, "credits": line.cost_micro} for line in record.lines],
    }
