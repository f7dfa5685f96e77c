"""What the API answers with: frozen, typed, and tolerant of fields that a newer server adds.

Credits are `Decimal` (six places), times are aware `datetime` in UTC, ids are prefixed strings. `raw` is the
JSON object as it came, for fields that this version of the client does not name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

Outcome = Literal["answered", "uncertain", "declined"]
DocumentStatus = Literal["processing", "ready", "error"]


@dataclass(frozen=True)
class Citation:
    """A quote that stands in a document, checked by the server before it left.

    `start` and `end` are Unicode code points in the stored text of `document_version`, so that
    `documents.text(document_id, document_version)[start:end] == quote`.
    """

    index: int
    document_id: str
    document_version: int
    title: str
    page: int | None
    section: str | None
    quote: str
    start: int
    end: int
    verified: bool
    url: str | None


@dataclass(frozen=True)
class Guardrail:
    """A guardrail that acted: its kind, what it did, and on what (the question or the answer)."""

    kind: str
    action: str
    where: str


@dataclass(frozen=True)
class Usage:
    """What an answer took; `estimated` says that no provider counted the tokens."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    estimated: bool
    credits: Decimal


@dataclass(frozen=True)
class Answer:
    """An answer with its citations. `str(answer)` is its text.

    `outcome` is `answered`, `uncertain` (nearest passages, no claim) or `declined` (the documents do not say).
    `support` is how far the citations carry the answer, 0 to 1.
    """

    id: str
    session_id: str
    created_at: datetime
    model: str
    plug: str
    plug_version: str
    outcome: Outcome
    answer: str
    citations: tuple[Citation, ...]
    support: float | None
    guardrails: tuple[Guardrail, ...]
    usage: Usage
    request_id: str | None

    def __str__(self) -> str:
        return self.answer


@dataclass(frozen=True)
class Delta:
    """A stream's next piece of the answer's text."""

    text: str


@dataclass(frozen=True)
class CitationEvent:
    """A stream's next citation."""

    citation: Citation


StreamEvent = Delta | CitationEvent


@dataclass(frozen=True)
class Plug:
    """An expert plug that the organisation may ask."""

    id: str
    slug: str
    name: str
    domain: str | None
    description: str | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Document:
    """A document of a plug's knowledge. `plugin_id` is the plug as it was named in the request.

    `error` is the reason when `status` is `error`; `pages` and `chunks` are known once it is `ready`. A ready document
    answers by keyword at once, and by meaning too once it is `semantic`.
    """

    id: str
    plugin_id: str
    title: str
    version: int | None
    status: DocumentStatus
    error: str | None
    pages: int | None
    chunks: int | None
    semantic: bool
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def finished(self) -> bool:
        """Whether processing has ended, well or not."""
        return self.status != "processing"


@dataclass(frozen=True)
class Message:
    """One turn of a session."""

    role: str
    content: str
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Session:
    """A conversation with a plug; `messages` is filled by `sessions.get`."""

    id: str
    plug: str | None
    created_at: datetime
    messages: tuple[Message, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Balance:
    """Credits to spend, and credits held for work that is under way."""

    available: Decimal
    held: Decimal
    currency: str


@dataclass(frozen=True)
class LedgerEntry:
    """One movement of credits: negative when spent, positive when granted."""

    id: str
    created_at: datetime
    kind: str
    amount: Decimal
    request_id: str | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class UsageRecord:
    """One metered request; `request_id` is the one that its answer carried."""

    id: str
    created_at: datetime
    request_id: str
    credits: Decimal
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret. `requests_per_minute` and `monthly_cap` are limits of its own, None where it has none.

    `previous_secret_until` is until when the secret before a rotation is good, while it is.
    """

    id: str
    name: str
    prefix: str
    state: str
    requests_per_minute: int | None
    monthly_cap: Decimal | None
    monthly_spent: Decimal | None
    previous_secret_until: datetime | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class NewApiKey:
    """A key with its new secret, which is shown this once."""

    key: ApiKey
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Identity:
    """Whose key this is."""

    organisation_id: str
    organisation_name: str
    raw: Mapping[str, Any] = field(repr=False, compare=False)
