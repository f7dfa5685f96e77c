"""What models cost: by their names, by their providers' own prices, and what organisations with own keys pay."""

from decimal import Decimal

import pytest

from patchbay.kernel.plans.contracts import Rate
from patchbay.lib.actor import Actor
from patchbay.lib.errors import ForbiddenError, InvalidError, NotFoundError
from patchbay.lib.money import MICRO
from patchbay.products.gateway import queries, services
from patchbay.products.gateway.checks import WantedTarget
from patchbay.products.gateway.queries.models import ModelView
from patchbay.products.gateway.services.vendor_prices import VendorPrice, find_vendor_price
from tests.factories.gateway import own_model, provider

pytestmark = pytest.mark.django_db


def model(organisation_id: str, name: str) -> ModelView:
    (found,) = [each for each in queries.list_models(organisation_id) if each.name == name]
    return found


def fast(staff: Actor, name: str = "fast") -> None:
    """Make a model of the platform."""
    provider(staff)
    services.put_target(actor=staff, organisation_id=None, alias=name, target=WantedTarget("openai", "gpt-4o"))


def test_a_price_holds_for_a_model_by_its_name_at_once(staff: Actor, owner: Actor) -> None:
    fast(staff)
    services.set_prices(actor=staff, model="fast", rates={"prompt_tokens": Rate(3 * MICRO, 1_000)})
    rates = model(owner.organisation_id, "fast").rates
    assert rates["prompt_tokens"] == Rate(3 * MICRO, 1_000)
    assert rates["cached_tokens"].cost_micro(1_000) == 300_000, "a part follows its whole"
    assert model(owner.organisation_id, "patchbay/offline").rates["prompt_tokens"] == Rate(MICRO, 1_000)
    listed = {price.model: price.rates for price in queries.list_prices()}
    assert listed["fast"]["prompt_tokens"] == Rate(3 * MICRO, 1_000)
    services.unset_prices(actor=staff, model="fast")
    assert model(owner.organisation_id, "fast").rates["prompt_tokens"] == Rate(MICRO, 1_000)
    assert "fast" not in {price.model for price in queries.list_prices()}


def test_an_own_model_costs_what_own_providers_do_whatever_its_name(staff: Actor, owner: Actor) -> None:
    _, alias = own_model(owner)
    fast(staff, alias.name)
    services.set_prices(actor=staff, model=alias.name, rates={"prompt_tokens": Rate(9 * MICRO, 1)})
    found = model(owner.organisation_id, alias.name)
    assert (found.own, found.rates["prompt_tokens"].amount_micro) == (True, 0)


def test_prices_are_staffs(owner: Actor) -> None:
    with pytest.raises(ForbiddenError):
        services.set_prices(actor=owner, model="fast", rates={"prompt_tokens": Rate(0, 1)})
    with pytest.raises(ForbiddenError):
        services.unset_prices(actor=owner, model="fast")
    with pytest.raises(ForbiddenError):
        services.set_vendor_prices(actor=owner, model="fast", vendor_model="gpt-4o")


def test_a_name_that_no_model_has_is_refused_with_those_that_are_near(staff: Actor, owner: Actor) -> None:
    fast(staff)
    _, own = own_model(owner)
    rates = {"prompt_tokens": Rate(1, 1)}
    with pytest.raises(NotFoundError, match="'fats'") as refusal:
        services.set_prices(actor=staff, model="fats", rates=rates)
    assert refusal.value.next_step == "Did you mean fast?"
    with pytest.raises(NotFoundError):
        services.set_vendor_prices(actor=staff, model="fats", vendor_model="gpt-4o", vendor="openai")
    with pytest.raises(NotFoundError):
        services.unset_prices(actor=staff, model="fats")
    with pytest.raises(NotFoundError):
        services.set_prices(actor=staff, model="fats", rates={"prompt_tokens": None})
    with pytest.raises(NotFoundError):
        services.set_prices(actor=staff, model=own.name, rates=rates)  # it is priced by `byok`
    assert [price.model for price in queries.list_prices()] == [None, "byok"]


def test_every_name_of_the_platform_can_be_priced_also_while_it_serves_nobody(staff: Actor) -> None:
    fast(staff)
    services.update_provider(actor=staff, organisation_id=None, provider="openai", enabled=False)
    for name in ("fast", "patchbay/offline", "byok"):
        services.set_prices(actor=staff, model=name, rates={"prompt_tokens": Rate(1, 1)})


def test_the_price_of_a_model_that_has_gone_can_be_taken_away(staff: Actor) -> None:
    fast(staff)
    services.set_prices(actor=staff, model="fast", rates={"prompt_tokens": Rate(1, 1)})
    services.delete_alias(actor=staff, organisation_id=None, alias="fast")
    services.unset_prices(actor=staff, model="fast")
    assert "fast" not in {price.model for price in queries.list_prices()}


def test_what_cannot_be_priced_is_named(staff: Actor) -> None:
    fast(staff)
    with pytest.raises(InvalidError):
        services.set_prices(actor=staff, model="two words", rates={"prompt_tokens": Rate(1, 1)})
    with pytest.raises(InvalidError):
        services.set_prices(actor=staff, model="fast", rates={"tokens": Rate(1, 1)})
    with pytest.raises(InvalidError):
        services.set_vendor_prices(actor=staff, model="fast", vendor_model="gpt-4o", margin_percent=0)
    with pytest.raises(NotFoundError, match="knows no model"):
        services.set_vendor_prices(actor=staff, model="fast", vendor_model="no-such-model", vendor="openai")


def test_a_vendors_price_with_a_margin_is_exact(staff: Actor, owner: Actor) -> None:
    fast(staff)
    price = services.set_vendor_prices(
        actor=staff, model="fast", vendor_model="gpt-4o", vendor="openai", margin_percent=120
    )
    assert price.vendor == "openai"
    rates = model(owner.organisation_id, "fast").rates
    for item, dollars in price.dollars.items():
        credits = dollars * 500 * Decimal("1.2")  # a dollar is 500 credits
        assert rates[item].cost_micro(1_000_000) == credits * MICRO


def test_the_catalogue_names_every_kind_of_token_and_falls_back_to_the_whole() -> None:
    price = find_vendor_price("claude-sonnet-4-5", vendor="anthropic")
    assert price.dollars["cached_tokens"] < price.dollars["prompt_tokens"] < price.dollars["cache_write_tokens"]
    assert price.dollars["reasoning_tokens"] == price.dollars["completion_tokens"]
    assert price.dollars["cache_write_1h_tokens"] == 2 * price.dollars["prompt_tokens"]
    assert price.has_steps
    assert price.context_tokens is not None


def test_a_price_of_many_decimal_places_is_kept_whole() -> None:
    price = VendorPrice("v", "m", {"prompt_tokens": Decimal("0.00000025")}, None, has_steps=False)
    rate = price.rates(100)["prompt_tokens"]
    assert rate.cost_micro(10**12) == Decimal("0.00000025") * 10**6 * 500 * MICRO
    assert isinstance(rate.amount_micro, int)


def test_the_organisations_rules_show_in_its_list(owner: Actor) -> None:
    _, alias = own_model(owner)
    services.set_rules(actor=owner, allowed_models=[alias.name])
    allowed = {each.name: each.allowed for each in queries.list_models(owner.organisation_id)}
    assert allowed == {alias.name: True, "patchbay/offline": False}
