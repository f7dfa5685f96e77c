"""Price lists by the date they take effect, with prices of single models."""

from datetime import timedelta

import pytest
from django.utils import timezone

from patchbay.kernel.plans import catalogue, queries, services
from patchbay.kernel.plans.contracts import ITEMS, Quantities, Rate, rate_from_dollars
from patchbay.lib.errors import InvalidError
from patchbay.lib.money import MICRO

pytestmark = pytest.mark.django_db
INSTANT = timedelta(microseconds=1)


def test_the_first_list_prices_every_item() -> None:
    prices = queries.get_prices()
    rates = {item: (rate.amount_micro, rate.per) for item, rate in prices.rates.items()}
    assert rates.items() >= catalogue.RATES.items()
    assert set(rates) == set(ITEMS)


def test_a_new_price_of_the_whole_prompt_holds_for_its_parts() -> None:
    services.set_rates(rates={"prompt_tokens": Rate(4 * MICRO, 1_000)})
    services.set_rates(model="thinker", rates={"completion_tokens": Rate(60 * MICRO, 1_000)})
    prices = queries.get_prices(model="thinker")
    assert prices.rates["cached_tokens"] == Rate(4 * MICRO // 10, 1_000)
    assert prices.rates["cache_write_tokens"] == Rate(5 * MICRO, 1_000)
    assert prices.rates["reasoning_tokens"] == Rate(60 * MICRO, 1_000)


@pytest.mark.parametrize("model", [None, "big"])
def test_a_part_may_have_a_price_of_its_own_until_that_ends(model: str | None) -> None:
    services.set_rates(model=model, rates={"prompt_tokens": Rate(3, 1), "image_tokens": Rate(7, 1)})
    assert queries.get_prices(model=model).rates["image_tokens"] == Rate(7, 1)
    services.set_rates(model=model, rates={"image_tokens": None})
    assert queries.get_prices(model=model).rates["image_tokens"] == Rate(3, 1)


def test_tokens_cost_nothing_where_an_organisation_pays_its_provider_itself() -> None:
    used = Quantities(prompt_tokens=9_000, cached_tokens=10, completion_tokens=500, reasoning_tokens=70)
    assert queries.get_prices(model=catalogue.OWN_KEY_MODEL).total_micro(used) == 0
    assert queries.get_prices().total_micro(used) > 0


def test_a_price_holds_from_its_effective_moment_on() -> None:
    start = timezone.now() + timedelta(days=1)
    services.set_rates(rates={"calls": Rate(3 * MICRO, 1)}, effective_from=start)
    call = Quantities(calls=1)
    assert queries.get_prices(start - INSTANT).total_micro(call) == 1 * MICRO
    assert queries.get_prices(start).total_micro(call) == 3 * MICRO
    assert queries.get_prices().total_micro(call) == 1 * MICRO
    assert queries.get_prices(start).effective_from == start


def test_a_models_own_price_replaces_the_general_one_for_it_alone() -> None:
    services.set_rates(model="big", rates={"prompt_tokens": rate_from_dollars(10**6, per=10**6, margin_percent=150)})
    tokens = Quantities(prompt_tokens=1_000_000)
    assert queries.get_prices(model="big").total_micro(tokens) == 750 * MICRO
    assert queries.get_prices(model="small").total_micro(tokens) == 1_000 * MICRO
    assert queries.get_prices(model="big").rates["calls"] == queries.get_prices().rates["calls"]


def test_a_models_own_price_can_end() -> None:
    end = timezone.now() + timedelta(days=2)
    services.set_rates(model="big", rates={"calls": Rate(9, 1)})
    services.set_rates(model="big", rates={"calls": None}, effective_from=end)
    assert queries.get_prices(end - INSTANT, "big").rates["calls"] == Rate(9, 1)
    assert queries.get_prices(end, "big").rates["calls"] == queries.get_prices().rates["calls"]


def test_a_later_general_price_leaves_a_models_own_price_alone() -> None:
    later = timezone.now() + timedelta(days=1)
    services.set_rates(model="big", rates={"calls": Rate(9, 1)})
    services.set_rates(rates={"calls": Rate(5, 1)}, effective_from=later)
    assert queries.get_prices(later, "big").rates["calls"] == Rate(9, 1)
    assert queries.get_prices(later, "small").rates["calls"] == Rate(5, 1)


def test_the_past_is_not_repriced() -> None:
    with pytest.raises(InvalidError, match="not possible") as caught:
        services.set_rates(rates={"calls": Rate(1, 1)}, effective_from=timezone.now() - timedelta(seconds=1))
    assert [fault.field for fault in caught.value.fields] == ["effective_from"]


def test_unknown_items_and_a_general_price_taken_away_are_refused_by_name() -> None:
    with pytest.raises(InvalidError) as caught:
        services.set_rates(rates={"smiles": Rate(1, 1), "calls": None})
    assert {fault.field for fault in caught.value.fields} == {"rates.smiles", "rates.calls"}


def test_a_price_beyond_all_bounds_is_refused_by_name() -> None:
    with pytest.raises(InvalidError) as caught:
        services.set_rates(rates={"calls": Rate(10**12 * MICRO + 1, 1)})
    assert caught.value.fields[0].field == "rates.calls"


def test_there_is_no_list_before_the_first() -> None:
    with pytest.raises(ValueError, match="No price for"):
        queries.get_prices(catalogue.FIRST_PRICES_FROM - INSTANT)


@pytest.mark.django_db(transaction=True)
def test_cached_prices_follow_a_change_without_a_restart() -> None:
    queries.get_prices()
    assert queries.find_cached_prices() is not None
    services.set_rates(rates={"calls": Rate(2 * MICRO, 1)})
    assert queries.find_cached_prices() is None
    assert queries.get_prices().total_micro(Quantities(calls=1)) == 2 * MICRO
