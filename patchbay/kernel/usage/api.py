"""Usage over REST: a record for each metered act, by the request id that its answer carried; the monthly budget."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from patchbay.kernel.usage import queries, services
from patchbay.kernel.usage.contracts import RecordView
from patchbay.lib.errors import ForbiddenError
from patchbay.lib.money import from_credits
from patchbay.lib.rest import Credits, CreditsIn, PageOut, PagingQuery, Timestamp, TimestampIn, actor_of

router = Router(tags=["Usage"])


class CostLineOut(Schema):
    """One line of the cost by the price list, rounded up to the micro-credit."""

    item: str
    quantity: int
    credits: Credits


class RecordOut(Schema):
    """One metered act; `credits` is what it was charged. Tokens marked `estimated` were counted by us, all or one side.

    `prompt_tokens` and `completion_tokens` are the wholes; cached, written to the cache (for an hour: apart), audio and
    image tokens are parts of the prompt, reasoning and audio ones of the completion. `cache_hits` is 1 for an answer
    from our cache.
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
    cache_write_1h_tokens: int
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


class OrganisationBudgetOut(Schema):
    """The cap on what the organisation spends in a calendar month (UTC); all null while there is none."""

    monthly_cap: Credits | None
    spent: Credits | None
    left: Credits | None
    renews_at: Timestamp | None


class OrganisationBudgetIn(Schema):
    """`monthly_cap` null takes the cap away."""

    monthly_cap: CreditsIn | None


class RecordFilter(Schema):
    request_id: str | None = None
    key_id: str | None = None
    plug_id: str | None = None
    since: TimestampIn | None = None
    until: TimestampIn | None = None


RecordQuery = Query[RecordFilter]


@router.get("/records", response=PageOut[RecordOut], summary="List usage records, newest first")
def list_records(request: HttpRequest, paging: PagingQuery, filters: RecordQuery) -> dict[str, Any]:
    """A key for one plug sees what that plug was asked."""
    organisation_id: str = request.actor.organisation_id  # type: ignore[attr-defined]
    wanted = filters.dict()
    if own := request.auth.plug_id:  # type: ignore[attr-defined]
        wanted["plug_id"] = own
    page = queries.list_records(organisation_id, limit=paging.limit, cursor=paging.cursor, **wanted)
    return {"data": [_out(record) for record in page.data], "next_cursor": page.next_cursor}


@router.get("/budget", response=OrganisationBudgetOut, summary="Read the organisation's monthly budget")
def get_budget(request: HttpRequest) -> dict[str, Any]:
    return _budget(actor_of(request).organisation_id)


@router.put("/budget", response=OrganisationBudgetOut, summary="Set the organisation's monthly budget")
def set_budget(request: HttpRequest, body: OrganisationBudgetIn) -> dict[str, Any]:
    """Holds everywhere when this answers. For keys of full permission that an owner made for the whole organisation."""
    if not request.auth.may_read_audit:  # type: ignore[attr-defined]
        raise ForbiddenError(
            "The budget is for owners and editors.",
            next_step="Use the usage page, or a full key for the whole organisation that you made as an owner.",
        )
    cap = None if body.monthly_cap is None else from_credits(body.monthly_cap)
    services.set_organisation_budget(actor=actor_of(request), cap_micro=cap)
    return _budget(actor_of(request).organisation_id)


def _budget(organisation_id: str) -> dict[str, Any]:
    budget = queries.find_organisation_budget(organisation_id)
    if budget is None:
        return dict.fromkeys(OrganisationBudgetOut.model_fields)
    return {
        "monthly_cap": budget.cap_micro,
        "spent": budget.spent_micro,
        "left": budget.left_micro,
        "renews_at": budget.renews_at,
    }


def _out(record: RecordView) -> dict[str, Any]:
    shown = {name: getattr(record, name) for name in RecordOut.model_fields if hasattr(record, name)}
    return shown | {
        "key_id": record.key_id or None,
        "plug_id": record.plug_id or None,
        "credits": record.cost_micro,
        "lines": [{"item": line.item, "quantity": line.quantity, "credits": line.cost_micro} for line in record.lines],
    }
