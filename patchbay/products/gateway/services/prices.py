"""Prices of models by their names: staff alone set them. Every process charges by them from then on."""

from collections.abc import Mapping
from difflib import get_close_matches

from django.db import transaction

from patchbay.kernel.plans import services as plans
from patchbay.kernel.plans.contracts import ITEMS, Rate
from patchbay.kernel.plans.queries import OWN_KEY_MODEL
from patchbay.lib.actor import Actor
from patchbay.lib.errors import FieldError, InvalidError, NotFoundError
from patchbay.lib.money import to_text
from patchbay.products.gateway.checks import is_model_name
from patchbay.products.gateway.queries.models import own_rates
from patchbay.products.gateway.queries.setup import list_aliases
from patchbay.products.gateway.services import trail
from patchbay.products.gateway.services.vendor_prices import VendorPrice, find_vendor_price

MAX_MARGIN_PERCENT = 10_000


@transaction.atomic
def set_prices(*, actor: Actor, model: str | None, rates: Mapping[str, Rate | None]) -> None:
    """Set what items of a model cost from now on, or of all models (None); a rate of None takes a model's own away.

    `model` is an alias of the platform, or `byok`: the list of organisations that bring a provider of their own. Staff
    only; NotFoundError for any other name, since nobody would pay that price, InvalidError names what is no item.
    """
    actor.require_staff()
    if model is not None and not is_model_name(model):
        fault = FieldError("model", "Use the name of a model as clients send it.")
        raise InvalidError("These prices are not possible.", fields=(fault,))
    takes_away = all(rate is None for rate in rates.values())
    if model is not None and not (takes_away and own_rates(model)):
        _require_known(model)
    plans.set_rates(model=model, rates=rates)
    changes = {item: _spoken(rate) for item, rate in rates.items()}
    target = ("price", model or "", model or "all models")
    trail.record(actor, "price.changed", organisation_id=None, target=target, changes=changes)


def unset_prices(*, actor: Actor, model: str, items: tuple[str, ...] = ITEMS) -> None:
    """Let the prices of all models hold for these items of one again; nothing happens where it has none of its own.

    NotFoundError for a name that is neither a model nor priced.
    """
    actor.require_staff()
    own = own_rates(model)
    if not own:
        _require_known(model)
    if rates := dict.fromkeys(item for item in items if item in own):
        set_prices(actor=actor, model=model, rates=rates)


def set_vendor_prices(
    *, actor: Actor, model: str, vendor_model: str, vendor: str | None = None, margin_percent: int = 100
) -> VendorPrice:
    """Sell a model at its provider's own price times a margin, as the bundled catalogue has it (`vendor_prices`).

    NotFoundError when the catalogue, or this Patchbay, has no such model.
    """
    actor.require_staff()
    if not 1 <= margin_percent <= MAX_MARGIN_PERCENT:
        fault = FieldError("margin_percent", f"Use a number from 1 to {MAX_MARGIN_PERCENT:,}; 120 adds a fifth.")
        raise InvalidError("The margin cannot be used.", fields=(fault,))
    _require_known(model)
    price = find_vendor_price(vendor_model, vendor=vendor)
    set_prices(actor=actor, model=model, rates=price.rates(margin_percent))
    return price


def _require_known(model: str) -> None:
    known = [OWN_KEY_MODEL, *(alias.name for alias in list_aliases(None))]
    if model in known:
        return
    near = get_close_matches(model, known)
    raise NotFoundError(
        f"There is no model {model[:120]!r}.",
        next_step=f"Did you mean {' or '.join(near)}?" if near else "Add the model first, then set its price.",
    )


def _spoken(rate: Rate | None) -> str:
    return f"{to_text(rate.amount_micro)} for {rate.per:,}" if rate else "as all models"
