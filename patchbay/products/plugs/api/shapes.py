"""The stable shapes of `/v1/chat`, as the OpenAPI document shows them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MESSAGE_LIMIT = 8000


class ChatBody(msgspec.Struct, forbid_unknown_fields=True):
    """A question. `plugin_id` is a plug's id or slug; a key scoped to one plug, or a `session_id`, needs none."""

    message: Annotated[str, Meta(min_length=1, max_length=MESSAGE_LIMIT, description="The question")]
    session_id: Annotated[str, Meta(max_length=40)] | None = None
    plugin_id: Annotated[str, Meta(max_length=60)] | None = None
    stream: bool = False


class CitationOut(msgspec.Struct):
    """A quote that stands in the cited version's stored text: `text[start:end] == quote`, in code points."""

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
    url: str


class GuardrailOut(msgspec.Struct):
    """What a guardrail saw and did."""

    kind: str
    action: str
    where: str


class UsageOut(msgspec.Struct):
    """What the answer used and cost."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    estimated: bool
    credits: Annotated[str, Meta(description="Credits as a decimal string with six places")]


class ChatAnswer(msgspec.Struct):
    """A whole answer; also the data of the stream's `done` event."""

    id: str
    session_id: str
    created_at: str
    model: str
    plug: str
    plug_version: int
    outcome: Literal["answered", "uncertain", "declined"]
    answer: str
    citations: list[CitationOut]
    support: float | None
    guardrails: list[GuardrailOut]
    usage: UsageOut


class DeltaOut(msgspec.Struct):
    """The data of a `delta` event."""

    text: str
