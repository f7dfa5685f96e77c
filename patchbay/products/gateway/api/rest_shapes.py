"""Shapes of `/v1/gateway` on the wire."""

from typing import Any, Literal

from ninja import Schema
from pydantic import Field

from patchbay.lib.rest import Credits, Timestamp
from patchbay.products.gateway.checks import MAX_MODELS_ALLOWED, MAX_TARGETS
from patchbay.products.gateway.contracts import DEFAULT_CONTEXT_TOKENS

_INT = 2**31 - 1
_BASE_URL = "As the provider's SDK takes it: OpenAI's ends in /v1. Empty: the vendor's own"
_SECRET = "The provider's API key; stored encrypted, never shown again"  # noqa: S105 - a description
Name = Field(min_length=1, max_length=60, description="Letters, digits, dots, hyphens, underscores")
Count = Field(None, ge=1, le=_INT)


class ProviderIn(Schema):
    name: str = Name
    kind: Literal["openai", "anthropic", "offline"]
    base_url: str = Field("", max_length=500, description=_BASE_URL)
    api_key: str | None = Field(None, max_length=1000, description=_SECRET)
    max_concurrent: int | None = Count
    requests_per_minute: int | None = Count
    queue_length: int = Field(100, ge=0, le=100_000)
    queue_seconds: float = Field(10.0, ge=0, le=300)
    enabled: bool = True


class ProviderPatch(Schema):
    name: str = Field("", min_length=1, max_length=60)
    base_url: str = Field("", max_length=500, description=_BASE_URL)
    api_key: str = Field("", min_length=1, max_length=1000, description=_SECRET)
    max_concurrent: int | None = Count
    requests_per_minute: int | None = Count
    queue_length: int = Field(100, ge=0, le=100_000)
    queue_seconds: float = Field(10.0, ge=0, le=300)
    enabled: bool = True


class SecretIn(Schema):
    api_key: str = Field(min_length=1, max_length=1000, description=_SECRET)


class ProviderKeyIn(SecretIn):
    weight: int = Field(1, ge=1, le=1000, description="Its share of the requests")


class ProviderKeyPatch(Schema):
    weight: int = Field(1, ge=1, le=1000, description="Its share of the requests")
    enabled: bool = True


class ProviderKeyOut(Schema):
    """A provider's key; `hint` is how it ends."""

    id: str
    hint: str
    weight: int
    enabled: bool
    created_at: Timestamp


class ProviderOut(Schema):
    id: str
    name: str
    kind: str
    base_url: str
    max_concurrent: int | None
    requests_per_minute: int | None
    queue_length: int
    queue_seconds: float
    private_allowed: bool
    enabled: bool
    created_at: Timestamp
    keys: list[ProviderKeyOut]


class ConnectionOut(Schema):
    """How a test went; `status` is the HTTP status that the provider answered with, null when there was no answer."""

    ok: bool
    message: str
    models: list[str]
    status: int | None


class ModelTargetIn(Schema):
    """One model of one provider. A prompt over `max_prompt_tokens`, or tools where `tools` is false, go elsewhere."""

    provider: str = Field(min_length=1, max_length=60, description="Name or id of a provider of your own")
    model: str = Field(min_length=1, max_length=200, description="The provider's name of the model")
    order: int = Field(0, ge=0, le=_INT, description="Lower is tried first")
    weight: int = Field(1, ge=1, le=_INT, description="Its share among equals in order")
    max_prompt_tokens: int | None = Count
    tools: bool = True
    context_tokens: int = Field(DEFAULT_CONTEXT_TOKENS, ge=1, le=_INT)
    max_output_tokens: int | None = Count


class AliasIn(Schema):
    name: str = Field(min_length=1, max_length=120, description="What clients send as `model`")
    targets: list[ModelTargetIn] = Field(min_length=1, max_length=MAX_TARGETS)
    balancing: Literal["weighted", "least_busy"] = "weighted"
    cache_seconds: int = Field(0, ge=0, le=30 * 86_400, description="0 caches only what a request asks to be cached")
    enabled: bool = True


class AliasPatch(Schema):
    name: str = Field("", min_length=1, max_length=120)
    targets: list[ModelTargetIn] = Field([], min_length=1, max_length=MAX_TARGETS)
    balancing: Literal["weighted", "least_busy"] = "weighted"
    cache_seconds: int = Field(0, ge=0, le=30 * 86_400)
    enabled: bool = True


class ModelTargetOut(Schema):
    id: str
    provider_id: str
    provider: str
    provider_enabled: bool
    model: str
    order: int
    weight: int
    max_prompt_tokens: int | None
    tools: bool
    context_tokens: int
    max_output_tokens: int | None


class AliasOut(Schema):
    """A model of one's own, with its targets in the order in which they are tried."""

    id: str
    name: str
    balancing: str
    cache_seconds: int
    enabled: bool
    created_at: Timestamp
    targets: list[ModelTargetOut]


class RateOut(Schema):
    """`credits` for each `per` units of `item`."""

    item: str
    credits: Credits
    per: int


class ModelPricesOut(Schema):
    """What a model costs. `own`: set up by the organisation; `allowed`: not left out by its rules."""

    model: str
    own: bool
    allowed: bool
    rates: list[RateOut]


class PricesOut(Schema):
    data: list[ModelPricesOut]


class RulesPatch(Schema):
    allowed_models: list[str] | None = Field(None, max_length=MAX_MODELS_ALLOWED, description="null allows all")
    cut_policy: Literal["read_on", "cancel"] = Field(
        "read_on", description="A stream whose client left: read on to the count, or cancel and bill what was made"
    )
    log_bodies: bool = Field(False, description="Keep requests and answers, encrypted, for `body_days`")
    body_days: int = Field(7, ge=1, le=90)


class RulesOut(Schema):
    allowed_models: list[str] | None
    cut_policy: str
    log_bodies: bool
    body_days: int

    @staticmethod
    def resolve_allowed_models(rules: Any) -> list[str] | None:
        return None if rules.allowed_models is None else list(rules.allowed_models)
