"""The request log: what succeeded (usage records) and what failed (`FailedRequest`), as one list, newest first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from patchbay.kernel.plans.contracts import CostLine
from patchbay.kernel.usage import queries as usage
from patchbay.kernel.usage.contracts import RARER, RecordView
from patchbay.lib import crypto
from patchbay.lib.errors import NotFoundError
from patchbay.lib.paging import DEFAULT_LIMIT, MAX_LIMIT, Page, encode_cursor, page_of
from patchbay.products.gateway.contracts import PLUG_DOOR
from patchbay.products.gateway.models import FailedRequest, RequestBody

Outcome = Literal["all", "succeeded", "failed"]


class TryView(msgspec.Struct, frozen=True):
    """One try of a target: `status` of the upstream, 0 when there was no answer; `error` empty when it served."""

    provider: str = ""
    model: str = ""
    status: int = 0
    error: str = ""
    milliseconds: int = 0


class KeptBody(msgspec.Struct, frozen=True):
    """Request and answer as they were kept; `cut` when one was longer than is kept."""

    request: str
    answer: str
    cut: bool = False


class _Detail(msgspec.Struct, frozen=True):
    """What the engine adds to a usage record."""

    target: str = ""
    first_ms: int = 0
    tries: list[TryView] = []


@dataclass(frozen=True, slots=True)
class RequestView:
    """One request of the log. `status` and `code` are what the client was told; `code` is empty for a success.

    `requests` is how many alike a row stands for: refusals of one key and reason are gathered by the minute.
    `door` is the operation ("chat.completions"), `target` which model of which provider served it, `first_ms` the
    milliseconds to its first byte. `tokens` are counts by item of the price list, zeros left out.
    """

    request_id: str
    created_at: datetime
    status: int
    code: str
    message: str
    door: str
    product: str
    model: str
    provider: str
    target: str
    key_id: str
    user_id: str
    plug_id: str
    environment: str
    outcome: str
    tokens: dict[str, int]
    estimated: bool
    cost_micro: int
    loss_micro: int
    lines: tuple[CostLine, ...]
    latency_ms: int
    first_ms: int
    tries_made: int
    tries: tuple[TryView, ...]
    requests: int = 1

    @property
    def failed(self) -> bool:
        return bool(self.code)


@dataclass(frozen=True, slots=True)
class RequestDetail:
    """A request with what was said, where that is kept; `body_lost`: it is kept, and its encryption key is gone."""

    request: RequestView
    body: KeptBody | None
    body_expires_at: datetime | None
    body_lost: bool = False


_encode = msgspec.json.Encoder().encode
_decode_detail = msgspec.json.Decoder(_Detail).decode
_decode_tries = msgspec.json.Decoder(tuple[TryView, ...]).decode


def list_requests(
    organisation_id: str,
    *,
    outcome: Outcome = "all",
    model: str | None = None,
    provider: str | None = None,
    key_id: str | None = None,
    request_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[RequestView]:
    """Return requests, newest first, that meet every condition given; `since` ≤ time < `until`.

    `provider` is who served a success, or was tried for a failure.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    common = {"model": model, "key_id": key_id, "request_id": request_id, "since": since, "until": until}
    pages = []
    if outcome != "failed":
        records = usage.list_records(organisation_id, provider=provider, **common, limit=limit, cursor=cursor)  # type: ignore[arg-type]
        pages.append(Page([_of_record(record) for record in records.data], records.next_cursor))
    if outcome != "succeeded":
        pages.append(_list_failures(organisation_id, common, provider, limit=limit, cursor=cursor))
    found = sorted((view for page in pages for view in page.data), key=lambda view: view.request_id, reverse=True)
    more = len(found) > limit or any(page.next_cursor for page in pages)
    found = found[:limit]
    return Page(found, encode_cursor(found[-1].request_id) if more else None)


def get_request(organisation_id: str, request_id: str, *, with_body: bool = False) -> RequestDetail:
    """Return one request; NotFoundError when the organisation has none of this id, or it is no longer kept."""
    record = usage.find_record(organisation_id, request_id)
    if record is not None:
        view = _of_record(record)
    else:
        row = FailedRequest.objects.filter(organisation_id=organisation_id, request_id=request_id).first()
        if row is None:
            raise NotFoundError("There is no such request in the log.")
        view = _of_failure(row)
    body = RequestBody.objects.filter(organisation_id=organisation_id, request_id=request_id).first()
    if body is None:
        return RequestDetail(view, None, None)
    if not with_body:
        return RequestDetail(view, None, body.expires_at)
    try:
        return RequestDetail(
            view, msgspec.msgpack.decode(crypto.decrypt(body.encrypted), type=KeptBody), body.expires_at
        )
    except crypto.UnreadableError:
        return RequestDetail(view, None, body.expires_at, body_lost=True)


def _list_failures(
    organisation_id: str, conditions: Mapping[str, object], provider: str | None, *, limit: int, cursor: str | None
) -> Page[RequestView]:
    names = {"model": "alias", "since": "created_at__gte", "until": "created_at__lt"}
    wanted = {names.get(name, name): value for name, value in conditions.items() if value}
    rows = FailedRequest.objects.filter(organisation_id=organisation_id, **wanted)
    if provider:  # stands in the JSON of the tries, as the request log writes it
        rows = rows.filter(tries__contains=f'"provider":{_encode(provider).decode()}')
    page = page_of(rows, limit=limit, cursor=cursor, key="request_id")
    return Page([_of_failure(row) for row in page.data], page.next_cursor)


def _of_record(record: RecordView) -> RequestView:
    detail = _detail(record.detail)
    return RequestView(
        request_id=record.request_id,
        created_at=record.created_at,
        status=200,
        code="",
        message="",
        door=record.operation,
        product=record.product,
        model=record.model,
        provider=record.provider,
        target=detail.target,
        key_id=record.key_id,
        user_id=record.user_id,
        plug_id=record.plug_id,
        environment=record.environment,
        outcome=record.outcome,
        tokens=_tokens(record, ("prompt_tokens", "cached_tokens", "completion_tokens", *RARER)),
        estimated=record.estimated,
        cost_micro=record.cost_micro,
        loss_micro=record.loss_micro,
        lines=record.lines,
        latency_ms=record.latency_ms,
        first_ms=detail.first_ms,
        tries_made=record.tries,
        tries=tuple(detail.tries),
    )


def _detail(text: str) -> _Detail:
    try:
        return _decode_detail(text) if text else _Detail()
    except msgspec.MsgspecError:  # another product's, in a form of its own
        return _Detail()


def _tokens(record: RecordView, items: Iterable[str]) -> dict[str, int]:
    counts = {item: getattr(record, item) for item in items}
    return {item: count for item, count in counts.items() if count}


def _of_failure(row: FailedRequest) -> RequestView:
    tries = _decode_tries(row.tries)
    return RequestView(
        request_id=row.request_id,
        created_at=row.created_at,
        status=row.status,
        code=row.code,
        message=row.message,
        door=row.door,
        product="plugs" if row.door == PLUG_DOOR else "gateway",
        model=row.alias,
        provider=tries[-1].provider if tries else "",
        target="",
        key_id=row.key_id,
        user_id=row.user_id,
        plug_id="",
        environment="live",
        outcome="failed",
        tokens={},
        estimated=False,
        cost_micro=0,
        loss_micro=0,
        lines=(),
        latency_ms=row.latency_ms,
        first_ms=0,
        tries_made=len(tries),
        tries=tries,
        requests=row.requests,
    )
