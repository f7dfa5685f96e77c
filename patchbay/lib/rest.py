"""What every REST router shares: list pages, paging parameters, times and amounts on the wire."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from django.http import HttpRequest
from ninja import Query, Schema
from pydantic import AfterValidator, Field, PlainSerializer

from patchbay.lib.actor import Actor
from patchbay.lib.money import MAX_CREDITS, to_text
from patchbay.lib.paging import DEFAULT_LIMIT, MAX_LIMIT
from patchbay.lib.times import checked

T = TypeVar("T")


def to_rfc3339(moment: datetime) -> str:
    """Render an aware time as RFC 3339 in UTC: `2026-11-18T14:31:52.120000Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Timestamp = Annotated[
    datetime, PlainSerializer(to_rfc3339, return_type=str), Field(json_schema_extra={"format": "date-time"})
]
TimestampIn = Annotated[datetime, AfterValidator(checked)]
Credits = Annotated[
    int,
    PlainSerializer(to_text, return_type=str),
    Field(description="Credits as a decimal string with six places", json_schema_extra={"examples": ["12.345600"]}),
]


CreditsIn = Annotated[
    Decimal,
    Field(ge=0, le=MAX_CREDITS, decimal_places=6, description="Credits, up to six places"),
]


class PageOut(Schema, Generic[T]):
    """One page of a list; `next_cursor` is null on the last page."""

    data: list[T]
    next_cursor: str | None


class Paging(Schema):
    """The paging parameters of every list."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many items a page holds")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before")


PagingQuery = Query[Paging]


def actor_of(request: HttpRequest) -> Actor:
    """Who acts: put there by the API's authentication, or by the session's middleware."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor
