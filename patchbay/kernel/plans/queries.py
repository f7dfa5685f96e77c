"""What a plan gives and what things cost. `get_…` may read the database, `find_cached_…` never does."""

import math
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from django.db import connection
from django.utils import timezone

from patchbay.kernel.plans import catalogue
from patchbay.kernel.plans.contracts import ITEMS, PART_OF, Assignment, PlanTerms, PriceList, Rate
from patchbay.kernel.plans.models import Plan, PlanAssignment, PriceRate
from patchbay.lib.epoch import EVERYONE
from patchbay.lib.shared.cache import OwnedCache
from patchbay.lib.shared.state import epoch

OWN_KEY_MODEL = catalogue.OWN_KEY_MODEL
"""Under which name `get_prices` has the list for organisations that bring a provider key of their own."""

PLANS = "plans"
PRICES = "prices"
"""The names of changes of plans' terms and of prices, which are everyone's."""

_plans: OwnedCache[str, PlanTerms] = OwnedCache(size=50_000, topics=[PLANS])
_rates: OwnedCache[str, tuple[PriceRate, ...]] = OwnedCache(size=1, topics=[PRICES])
_in_force: OwnedCache[str | None, tuple[PriceList, float]] = OwnedCache(size=2_000, topics=[PRICES])
"""By model, the list in force and the time since 1970 at which another is."""


def get_plan(organisation_id: str) -> PlanTerms:
    """Return the terms of the organisation's plan; without an assignment, those of the default plan."""
    return get_plans([organisation_id])[organisation_id]


def get_plans(organisation_ids: Collection[str]) -> dict[str, PlanTerms]:
    """Return the terms of each organisation's plan; one query for those that memory does not know."""
    if connection.in_atomic_block:  # what the transaction wrote is true here and may be rolled back
        return _load_plans(organisation_ids)
    found = {name: plan for name in organisation_ids if (plan := _plans.find(name)) is not None}
    missing = [name for name in organisation_ids if name not in found]
    if missing:
        seen = epoch().read()
        loaded = _load_plans(missing)
        for organisation_id, plan in loaded.items():
            _plans.put(organisation_id, plan, owner=organisation_id, seen=seen)
        found |= loaded
    return found


def find_cached_plan(organisation_id: str) -> PlanTerms | None:
    """Return the terms if this process has them in memory: for the event loop, which must not block."""
    return _plans.find(organisation_id)


def list_plans() -> list[PlanTerms]:
    """Return every plan, cheapest first."""
    return [_terms(plan) for plan in Plan.objects.order_by("position")]


def get_assignment(organisation_id: str) -> Assignment | None:
    """Return the organisation's plan with its anchor, or None when it was never given one."""
    row = PlanAssignment.objects.select_related("plan").filter(organisation_id=organisation_id).first()
    return _assignment(row) if row else None


def list_assignments(*, after: str = "", limit: int = 500) -> list[Assignment]:
    """Return assignments ordered by organisation, those after `after`: page through all with the last one's id."""
    rows = PlanAssignment.objects.select_related("plan").filter(organisation_id__gt=after)
    return [_assignment(row) for row in rows.order_by("organisation_id")[:limit]]


def get_prices(at: datetime | None = None, model: str | None = None) -> PriceList:
    """Return the price list in force at `at` (default: now), with the rates of `model` where it has its own."""
    rates = _rates.get("all", lambda: tuple(PriceRate.objects.order_by("effective_from")), owner=EVERYONE)
    return resolve(rates, at or timezone.now(), model)


def list_priced_models() -> list[str]:
    """Return the models that were ever given a price of their own, by name."""
    names = PriceRate.objects.exclude(model="").order_by("model").values_list("model", flat=True)
    return list(names.distinct())


def find_cached_prices(model: str | None = None) -> PriceList | None:
    """Return the price list in force now if this process has it in memory: for the event loop."""
    now = time.time()
    if (known := _in_force.find(model)) is not None and now < known[1]:
        return known[0]
    seen = epoch().read()
    if not (rates := _rates.find("all")):
        return None
    prices = resolve(rates, datetime.fromtimestamp(now, UTC), model)
    later = (since for rate in rates if (since := rate.effective_from.timestamp()) > now)
    _in_force.put(model, (prices, min(later, default=math.inf)), owner=EVERYONE, seen=seen)
    return prices


def resolve(rates: Sequence[PriceRate], at: datetime, model: str | None) -> PriceList:
    """Return the list that `rates`, oldest first, make at `at`; a rate holds from its effective time on, inclusive.

    A model's own price of prompts or completions is one of their parts too, unless a part has its own.

    ValueError when an item had no price yet.
    """
    general: dict[str, Rate] = {}
    own: dict[str, Rate] = {}
    since = catalogue.FIRST_PRICES_FROM
    for rate in rates:
        if rate.effective_from > at:
            break
        if rate.model and rate.model != model:
            continue
        prices = own if rate.model else general
        if rate.amount_micro is None:
            prices.pop(rate.item, None)
        else:
            prices[rate.item] = Rate(rate.amount_micro, rate.per)
        since = rate.effective_from
    prices = _with_parts(general) | _with_parts(own)
    if missing := [item for item in ITEMS if item not in prices]:
        raise ValueError(f"No price for {', '.join(missing)} at {at.isoformat()}")
    return PriceList(model, since, MappingProxyType(prices))


def _with_parts(prices: Mapping[str, Rate]) -> dict[str, Rate]:
    """Return rates with one for each part of what they price: its own, else its share of its whole's."""
    parts = {part: prices[whole].share(*catalogue.SHARES[part]) for part, whole in PART_OF.items() if whole in prices}
    return parts | dict(prices)


def _load_plans(organisation_ids: Collection[str]) -> dict[str, PlanTerms]:
    """Two queries: with thousands of organisations a row of terms for each would be read again and again."""
    assignments = PlanAssignment.objects.filter(organisation_id__in=organisation_ids)
    codes = dict(assignments.values_list("organisation_id", "plan_id"))
    plans = Plan.objects.in_bulk({*codes.values(), catalogue.DEFAULT_PLAN})
    terms = {code: _terms(plan) for code, plan in plans.items()}
    return {name: terms[codes.get(name, catalogue.DEFAULT_PLAN)] for name in organisation_ids}


def _assignment(row: PlanAssignment) -> Assignment:
    return Assignment(row.organisation_id, _terms(row.plan), row.anchor)


def _terms(plan: Plan) -> PlanTerms:
    return PlanTerms(
        code=plan.code,
        name=plan.name,
        monthly_cents=plan.monthly_cents,
        yearly_cents=plan.yearly_cents,
        custom_price=plan.custom_price,
        monthly_credits_micro=plan.monthly_credits_micro,
        rollover_micro=plan.rollover_micro,
        requests_per_minute=plan.requests_per_minute,
        limits=MappingProxyType(dict(plan.limits)),
        features=frozenset(plan.features),
    )
