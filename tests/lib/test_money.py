"""Amounts are exact, on the way in and on the way out."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.lib import money


@given(st.integers(-(10**18), 10**18))
def test_an_amount_survives_the_wire(micro: int) -> None:
    text = money.to_text(micro)
    assert money.from_credits(text) == micro
    assert len(text.partition(".")[2]) == 6


@pytest.mark.parametrize("wrong", ["0.0000001", "abc", "1e-7", "NaN", "Infinity", "1e900000", "1e999999", ""])
def test_what_is_not_an_exact_amount_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        money.from_credits(wrong)


@given(st.integers(0, 10**15), st.integers(1, 10**9))
def test_a_started_micro_credit_is_charged_whole(numerator: int, denominator: int) -> None:
    charged = money.ceil_div(numerator, denominator)
    exact = Fraction(numerator, denominator)
    assert exact <= charged < exact + 1
