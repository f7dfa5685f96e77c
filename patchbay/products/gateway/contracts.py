"""What crosses the gateway's border: who asks, what is metered, and how the organisation's models are set up.

A `Catalogue` is all that routing knows of one organisation: frozen, kept in memory until the epoch moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

Balancing = Literal["weighted", "least_busy"]
CutPolicy = Literal["read_on", "cancel"]
"""What becomes of a stream whose client left: read on to its usage event, or cancel it and bill what was produced."""

OFFLINE_MODEL = "patchbay/offline"
"""The built-in model: needs no network and no key, and answers by quoting."""
PLUG_PREFIX = "plug/"
PLUG_DOOR = "plug_chat"
"""The plugs' own door, as metrics and the request log name it."""
DEFAULT_CONTEXT_TOKENS = 200_000


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Who pays. A caller whose `environment` is test runs on the offline model and pays nothing.

    `budgets` are the ids of the caps that apply besides the balance (`kernel.ledger`, budgets): the key's, the
    organisation's. `key_requests_per_minute` is the key's own rate, None when it has none.
    """

    organisation_id: str
    requests_per_minute: int
    environment: Literal["live", "test"] = "live"
    key_id: str | None = None
    user_id: str | None = None
    plug_id: str | None = None
    key_requests_per_minute: int | None = None
    budgets: tuple[str, ...] = ()

    @property
    def is_test(self) -> bool:
        return self.environment == "test"


class Act(msgspec.Struct, frozen=True, gc=False):
    """What is being metered, as the usage record names it; `claim_id` is its claim on an Idempotency-Key."""

    request_id: str
    product: str
    operation: str
    plug_id: str | None = None
    claim_id: str = ""


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """One credential of a provider; `secret` is plain here and nowhere else: never log or show it."""

    id: str
    secret: str
    weight: int = 1

    def __repr__(self) -> str:
        return f"ProviderKey({self.id!r})"


class Keeper(msgspec.Struct, frozen=True, gc=False):
    """The provider that stores an answer, and the id of the key by which it was got ("" for none)."""

    provider_id: str
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """A provider as routing uses it; `organisation_id` None is the platform's, else that organisation's own.

    `kind` names a folder of `providers/`. `max_concurrent` and `requests_per_minute` are the provider's limits as far
    as the operator knows them (None: no limit); at a limit a request waits at most `queue_seconds` among at most
    `queue_length`. `private_allowed`: staff named a private address on purpose.
    """

    id: str
    name: str
    kind: str
    base_url: str
    keys: tuple[ProviderKey, ...] = ()
    organisation_id: str | None = None
    max_concurrent: int | None = None
    requests_per_minute: int | None = None
    queue_length: int = 100
    queue_seconds: float = 10.0
    private_allowed: bool = False


@dataclass(frozen=True, slots=True)
class ModelTarget:
    """One model of one provider behind an alias: tried by `order`, among equals by `weight`.

    Conditions: a prompt larger than `max_prompt_tokens` (by its bound), or tools where `tools` is False, go elsewhere.
    `max_output_tokens` is what the model can write at most, used when the client sets no bound.
    """

    id: str
    provider: ProviderConfig
    model: str
    order: int = 0
    weight: int = 1
    max_prompt_tokens: int | None = None
    tools: bool = True
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ModelAlias:
    """A model name that clients use; `cache_seconds` 0 caches only what a request asks to be cached."""

    name: str
    targets: tuple[ModelTarget, ...]
    organisation_id: str | None = None
    balancing: Balancing = "weighted"
    cache_seconds: int = 0
    created: int = 0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """An organisation's models, its own before the platform's, and its rules.

    `allowed_models` None allows all. `log_bodies` keeps requests and answers encrypted for `body_days`.
    """

    organisation_id: str
    aliases: Mapping[str, ModelAlias]
    allowed_models: frozenset[str] | None = None
    cut_policy: CutPolicy = "read_on"
    log_bodies: bool = False
    body_days: int = 7
