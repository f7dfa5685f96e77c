"""The set-up as it is shown: never a secret, of a key its last characters alone."""

from dataclasses import dataclass
from datetime import datetime

from patchbay.products.gateway.contracts import Balancing, CutPolicy

_KINDS = {"openai": "OpenAI", "anthropic": "Anthropic", "offline": "Built in"}


@dataclass(frozen=True, slots=True)
class KeyView:
    """A credential of a provider; `hint` is how it ends."""

    id: str
    hint: str
    weight: int
    enabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider; `organisation_id` None is the platform's. `from_settings`: no row, so it cannot be changed here."""

    id: str
    organisation_id: str | None
    name: str
    kind: str
    base_url: str
    max_concurrent: int | None
    requests_per_minute: int | None
    queue_length: int
    queue_seconds: float
    private_allowed: bool
    enabled: bool
    created_at: datetime | None
    keys: tuple[KeyView, ...] = ()
    from_settings: bool = False

    @property
    def speaks(self) -> str:
        """Its kind as it is said."""
        return _KINDS.get(self.kind, self.kind)


@dataclass(frozen=True, slots=True)
class TargetView:
    """One target of an alias, with its provider's name."""

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


@dataclass(frozen=True, slots=True)
class AliasView:
    """An alias with its targets in the order in which they are tried; `from_settings` as for a provider."""

    id: str
    organisation_id: str | None
    name: str
    balancing: Balancing
    cache_seconds: int
    enabled: bool
    created_at: datetime | None
    targets: tuple[TargetView, ...]
    from_settings: bool = False

    @property
    def usable(self) -> bool:
        """Whether it is switched on and so is one of its providers."""
        return self.enabled and any(target.provider_enabled for target in self.targets)


@dataclass(frozen=True, slots=True)
class RulesView:
    """What an organisation allows itself; `allowed_models` None allows all."""

    organisation_id: str
    allowed_models: tuple[str, ...] | None = None
    cut_policy: CutPolicy = "read_on"
    log_bodies: bool = False
    body_days: int = 7
