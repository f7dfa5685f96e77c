"""What a quantity costs: exact integers, each line rounded up to the micro-credit."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.kernel.plans import catalogue
from patchbay.kernel.plans.contracts import (
    ITEMS,
    PART_OF,
    Quantities,
    Rate,
    estimate_tokens,
    rate_from_dollars,
)
from patchbay.kernel.plans.models import PriceRate
from patchbay.kernel.plans.queries import resolve
from patchbay.lib.money import MICRO

FIRST = [
    PriceRate(effective_from=catalogue.FIRST_PRICES_FROM, item=item, amount_micro=amount, per=per)
    for item, (amount, per) in catalogue.RATES.items()
]
PRICES = resolve(FIRST, datetime(2025, 1, 1, tzinfo=UTC), None)
counts = st.integers(min_value=0, max_value=10**15)


@pytest.mark.parametrize(
    ("quantities", "credits_micro"),
    [
        (Quantities(prompt_tokens=1_000), 1 * MICRO),
        (Quantities(completion_tokens=1_000), 2 * MICRO),
        (Quantities(prompt_tokens=1), 1_000),
        (Quantities(prompt_tokens=1_000, cached_tokens=1_000), MICRO // 10),
        (Quantities(prompt_tokens=1_000, cache_write_tokens=1_000), MICRO * 5 // 4),
        (Quantities(prompt_tokens=1_000, cache_write_1h_tokens=1_000), 2 * MICRO),
        (Quantities(prompt_tokens=1_000, image_tokens=400, audio_prompt_tokens=600), 1 * MICRO),
        (Quantities(completion_tokens=1_000, reasoning_tokens=800, audio_completion_tokens=200), 2 * MICRO),
        (Quantities(cache_hits=1), 0),
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


@pytest.mark.parametrize(("part", "whole"), PART_OF.items())
def test_a_part_of_the_tokens_is_charged_once_at_its_own_rate(part: str, whole: str) -> None:
    lines = {line.item: line.quantity for line in PRICES.cost(Quantities(**{whole: 1_000, part: 400}))}
    assert lines == {whole: 600, part: 400}


@given(data=st.data())
def test_every_token_is_charged_exactly_once(data: st.DataObject) -> None:
    parts = {part: data.draw(st.integers(0, 10**6), label=part) for part in PART_OF}
    rest = data.draw(st.integers(0, 10**6))
    wholes = {
        whole: rest + sum(count for part, count in parts.items() if PART_OF[part] == whole)
        for whole in set(PART_OF.values())
    }
    charged = dict(Quantities(**wholes, **parts).charged())
    assert sum(charged.values()) == sum(wholes.values())
    assert {part: charged.get(part, 0) for part in parts} == parts


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
    quantities = Quantities(
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=completion,
        execution_ms=milliseconds,
        storage_byte_hours=byte_hours,
    )
    lines = PRICES.cost(quantities)
    exact = sum(Fraction(line.quantity * line.rate.amount_micro, line.rate.per) for line in lines)
    assert PRICES.total_micro(quantities) == sum(line.cost_micro for line in lines)
    assert exact <= PRICES.total_micro(quantities) < exact + max(len(lines), 1)
    assert all(line.item in ITEMS and line.quantity > 0 for line in lines)


@given(prompt=st.integers(0, 10**9), completion=st.integers(0, 10**9), data=st.data())
def test_the_worst_covers_whatever_kinds_the_tokens_turn_out_to_be(
    prompt: int, completion: int, data: st.DataObject
) -> None:
    left = {"prompt_tokens": prompt, "completion_tokens": completion}
    parts = {}
    for part, whole in PART_OF.items():
        parts[part] = data.draw(st.integers(0, left[whole]), label=part)
        left[whole] -= parts[part]
    used = Quantities(prompt_tokens=prompt, completion_tokens=completion, **parts)
    kept_an_hour = parts["cache_write_1h_tokens"] > 0
    worst = PRICES.worst_micro(prompt_tokens=prompt, completion_tokens=completion, cache_1h=kept_an_hour)
    assert PRICES.total_micro(used) <= worst


def test_only_who_may_have_a_prompt_kept_for_an_hour_holds_what_that_costs() -> None:
    assert PRICES.worst_micro(prompt_tokens=1_000, completion_tokens=0) // 1_000 == 1_250
    assert PRICES.worst_micro(prompt_tokens=1_000, completion_tokens=0, cache_1h=True) // 1_000 == 2_000


def test_quantities_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Quantities(completion_tokens=-1)
    with pytest.raises(ValueError, match="Cached"):
        Quantities(prompt_tokens=1, cached_tokens=2)
    with pytest.raises(ValueError, match="Cached"):
        Quantities(prompt_tokens=3, cached_tokens=2, cache_write_tokens=2)
    with pytest.raises(ValueError, match="Cached"):
        Quantities(prompt_tokens=3, cache_write_tokens=2, cache_write_1h_tokens=2)
    with pytest.raises(ValueError, match="Reasoning"):
        Quantities(completion_tokens=3, reasoning_tokens=2, audio_completion_tokens=2)


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
