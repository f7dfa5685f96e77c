"""What a quantity costs: exact integers, each line rounded up to the micro-credit."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.kernel.plans import catalogue
from patchbay.kernel.plans.contracts import (
    ITEMS,
    PriceList,
    Quantities,
    Rate,
    estimate_tokens,
    rate_from_dollars,
)
from patchbay.lib.money import MICRO

PRICES = PriceList(
    None, datetime(2025, 1, 1, tzinfo=UTC), {item: Rate(amount, per) for item, (amount, per) in catalogue.RATES.items()}
)
counts = st.integers(min_value=0, max_value=10**15)


@pytest.mark.parametrize(
    ("quantities", "credits_micro"),
    [
        (Quantities(prompt_tokens=1_000), 1 * MICRO),
        (Quantities(completion_tokens=1_000), 2 * MICRO),
        (Quantities(prompt_tokens=1), 1_000),
        (Quantities(prompt_tokens=1_000, cached_tokens=1_000), MICRO // 10),
        (Quantities(calls=1, execution_ms=250), 1 * MICRO + 25_000),
        (Quantities(deployments=1), 10 * MICRO),
        (Quantities(storage_byte_hours=10**9 * 730), MICRO // 10),
        (Quantities(storage_byte_hours=1), 1),
    ],
)
def test_the_first_price_list_charges_what_the_specification_says(quantities: Quantities, credits_micro: int) -> None:
    assert PRICES.total_micro(quantities) == credits_micro


def test_a_zero_costs_nothing_and_has_no_line() -> None:
    assert PRICES.cost(Quantities()) == ()
    assert PRICES.total_micro(Quantities()) == 0


def test_cached_tokens_are_charged_once_at_their_own_rate() -> None:
    lines = {line.item: line for line in PRICES.cost(Quantities(prompt_tokens=1_000, cached_tokens=400))}
    assert lines["prompt_tokens"].quantity == 600
    assert lines["cached_tokens"].quantity == 400


@given(quantity=counts, amount=st.integers(0, 10**12), per=st.integers(1, 10**12))
def test_a_line_is_never_below_the_exact_price_and_less_than_a_micro_credit_above(
    quantity: int, amount: int, per: int
) -> None:
    exact = Fraction(quantity * amount, per)
    assert exact <= Rate(amount, per).cost_micro(quantity) < exact + 1


@given(prompt=counts, completion=counts, milliseconds=counts, byte_hours=counts, data=st.data())
def test_the_total_is_the_sum_of_its_rounded_lines(
    prompt: int, completion: int, milliseconds: int, byte_hours: int, data: st.DataObject
) -> None:
    cached = data.draw(st.integers(0, prompt))
    quantities = Quantities(prompt, cached, completion, 0, milliseconds, byte_hours)
    lines = PRICES.cost(quantities)
    exact = sum(Fraction(line.quantity * line.rate.amount_micro, line.rate.per) for line in lines)
    assert PRICES.total_micro(quantities) == sum(line.cost_micro for line in lines)
    assert exact <= PRICES.total_micro(quantities) < exact + max(len(lines), 1)
    assert all(line.item in ITEMS and line.quantity > 0 for line in lines)


def test_quantities_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Quantities(completion_tokens=-1)
    with pytest.raises(ValueError, match="Cached"):
        Quantities(prompt_tokens=1, cached_tokens=2)


def test_a_providers_dollar_price_becomes_five_hundred_credits_a_dollar_times_the_margin() -> None:
    rate = rate_from_dollars(2_500_000, per=1_000_000, margin_percent=120)
    assert rate.cost_micro(1_000_000) == 1_500 * MICRO


@given(micro_dollars=st.integers(0, 10**9), margin=st.integers(0, 1_000), tokens=counts)
def test_a_dollar_price_loses_nothing_on_the_way(micro_dollars: int, margin: int, tokens: int) -> None:
    rate = rate_from_dollars(micro_dollars, per=1_000_000, margin_percent=margin)
    exact = Fraction(micro_dollars * 500 * margin * tokens, 100 * 1_000_000)
    assert exact <= rate.cost_micro(tokens) < exact + 1


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("éé", 1), ("€€", 2)])
def test_tokens_are_estimated_as_a_quarter_of_the_bytes_rounded_up(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == estimate_tokens(text.encode()) == tokens


def test_a_lone_surrogate_is_counted_rather_than_refused() -> None:
    assert estimate_tokens("\ud800") == 1
