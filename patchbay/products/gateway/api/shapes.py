"""The shapes of the doors as the OpenAPI document shows them; the formats themselves are their vendors'."""

from typing import Annotated, Any

import msgspec

from patchbay.products.gateway.api.anthropic_pages import DEFAULT_LIMIT, MAX_LIMIT


class ChatCompletionBody(msgspec.Struct):
    """A chat completion in the OpenAI format; fields not named here are passed on to the provider."""

    model: str
    messages: list[dict[str, Any]]
    stream: bool = False
    max_completion_tokens: int | None = None


class ResponsesBody(msgspec.Struct):
    """A request in the OpenAI responses format; fields not named here are passed on to the provider."""

    model: str
    input: str | list[dict[str, Any]]
    stream: bool = False
    max_output_tokens: int | None = None


class EmbeddingsBody(msgspec.Struct):
    """Texts to embed, in the OpenAI format."""

    model: str
    input: str | list[Any]


class MessagesBody(msgspec.Struct):
    """A message in the Anthropic format; fields not named here are passed on to the provider."""

    model: str
    max_tokens: int
    messages: list[dict[str, Any]]
    stream: bool = False


class CountTokensBody(msgspec.Struct):
    """What to count, in the Anthropic format."""

    model: str
    messages: list[dict[str, Any]]


class TokenCountOut(msgspec.Struct):
    input_tokens: int


class ModelOut(msgspec.Struct):
    """A model that a client may name."""

    id: str
    object: str
    created: int
    owned_by: str


class ModelsPageQuery(msgspec.Struct):
    """Which page of Anthropic's list of models; OpenAI's has all."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    after_id: str | None = None
    before_id: str | None = None


class ModelListOut(msgspec.Struct):
    object: str
    data: list[ModelOut]
