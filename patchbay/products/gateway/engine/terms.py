"""Under which terms a call is made: what its model stands for, and what it costs; from memory where they are known."""

from dataclasses import replace

import msgspec

from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans.contracts import PriceList
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.contracts import OFFLINE_MODEL, PLUG_PREFIX, Caller, Catalogue, ModelAlias
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.queries import catalogue as queries


class Terms(msgspec.Struct, frozen=True, gc=False):
    """The organisation's catalogue, the alias that the call asked for, and the price list that it is charged by."""

    catalogue: Catalogue
    alias: ModelAlias
    prices: PriceList


async def find_terms(caller: Caller, model: str, pool: BlockingPool) -> Terms:
    """Return the terms of a call; ModelNotFoundError, ModelForbiddenError. What memory lacks is read in a thread."""
    catalogue = await find_catalogue(caller.organisation_id, pool)
    alias = _find_alias(caller, model, catalogue)
    name = price_name(alias)
    prices = plans.find_cached_prices(name)
    if prices is None:
        prices = await pool.run(plans.get_prices, model=name)
    return Terms(catalogue, alias, prices)


async def find_catalogue(organisation_id: str, pool: BlockingPool) -> Catalogue:
    """Return the organisation's models and rules."""
    found = queries.find_cached_catalogue(organisation_id)
    return await pool.run(queries.get_catalogue, organisation_id) if found is None else found


def price_name(alias: ModelAlias) -> str:
    """Return the name of the price list of an alias: an organisation that pays its provider itself has one apart."""
    return "byok" if alias.organisation_id is not None else alias.name


def _find_alias(caller: Caller, model: str, catalogue: Catalogue) -> ModelAlias:
    alias = registry.find_alias(catalogue, model)
    if caller.is_test and not model.startswith(PLUG_PREFIX):  # the same way, on the built-in model
        return registry.find_alias(replace(catalogue, allowed_models=None), OFFLINE_MODEL)
    return alias
