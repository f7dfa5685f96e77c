"""The models that an organisation may use, with what each costs: open to viewers, who do not see where they lead."""

from collections.abc import Mapping
from dataclasses import dataclass

from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans.contracts import PriceList, Rate
from patchbay.products.gateway.contracts import ModelAlias
from patchbay.products.gateway.queries.catalogue import get_catalogue

TOKEN_ITEMS = (
    "prompt_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "audio_prompt_tokens",
    "image_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "audio_completion_tokens",
    "cache_hits",
)
"""The items of the price list that a model call can be charged for, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model that clients can name. `rates` are those in force now; `own` says that the organisation set it up
    itself, so that it pays by the list `byok`; `allowed` is False where the organisation's rules leave it out."""

    name: str
    own: bool
    allowed: bool
    created: int
    context_tokens: int
    max_output_tokens: int | None
    tools: bool
    rates: Mapping[str, Rate]


def list_models(organisation_id: str) -> list[ModelView]:
    """Return every model that an organisation can name, by name, with its prices."""
    catalogue = get_catalogue(organisation_id)
    allowed = catalogue.allowed_models
    return [
        _view(alias, allowed=allowed is None or name in allowed) for name, alias in sorted(catalogue.aliases.items())
    ]


@dataclass(frozen=True, slots=True)
class PriceView:
    """Rates in force: of one model where it has its own, of all models (`model` None)."""

    model: str | None
    rates: Mapping[str, Rate]


def list_prices() -> list[PriceView]:
    """Return the prices of all models, then those of each model that has its own, by name."""
    general = plans.get_prices().rates
    own = [PriceView(model, own_rates(model)) for model in plans.list_priced_models()]
    return [PriceView(None, {item: general[item] for item in TOKEN_ITEMS}), *(price for price in own if price.rates)]


def get_price_list(alias: ModelAlias) -> PriceList:
    """Return the prices in force for a model: by its name, or those of organisations that bring their own provider."""
    return plans.get_prices(model=alias.name if alias.organisation_id is None else plans.OWN_KEY_MODEL)


def own_rates(model: str) -> dict[str, Rate]:
    """Return the rates in force that a model has otherwise than all models do."""
    general = plans.get_prices().rates
    return {item: rate for item, rate in plans.get_prices(model=model).rates.items() if rate != general[item]}


def _view(alias: ModelAlias, *, allowed: bool) -> ModelView:
    outputs = [target.max_output_tokens for target in alias.targets]
    rates = get_price_list(alias).rates
    return ModelView(
        name=alias.name,
        own=alias.organisation_id is not None,
        allowed=allowed,
        created=alias.created,
        context_tokens=max(target.context_tokens for target in alias.targets),
        max_output_tokens=None if None in outputs else max(output for output in outputs if output is not None),
        tools=any(target.tools for target in alias.targets),
        rates={item: rates[item] for item in TOKEN_ITEMS},
    )
