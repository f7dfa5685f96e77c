"""A provider's count that leaves out one side of a call: never taken for a zero."""

import pytest

from patchbay.products.gateway.wire.contracts import TokenUsage

FULL = TokenUsage(10, 4, cached=3, reasoning=2)


def test_both_sides_are_the_providers_zeros_too() -> None:
    assert FULL.of_sides(10, 4) == FULL
    assert TokenUsage(0, 0).of_sides(0, 0) == TokenUsage(0, 0)


def test_no_side_is_no_count() -> None:
    assert FULL.of_sides(None, None) is None
    assert FULL.of_sides(None, None, 14) is None, "a total alone does not say what was read and what was written"


@pytest.mark.parametrize("total", [None, 0, 10])
def test_a_completion_that_is_left_out_lacks_and_is_at_least_its_parts(total: int | None) -> None:
    counted = TokenUsage(10, 0, cached=3, reasoning=2).of_sides(10, None, total)
    assert counted == TokenUsage(10, 2, cached=3, reasoning=2, lacks="completion")


@pytest.mark.parametrize("total", [None, 0, 4])
def test_a_prompt_that_is_left_out_lacks_and_is_at_least_its_parts(total: int | None) -> None:
    counted = TokenUsage(0, 4, cached=3, cache_write_1h=2, reasoning=2).of_sides(None, 4, total)
    assert counted == TokenUsage(5, 4, cached=3, cache_write_1h=2, reasoning=2, lacks="prompt")


def test_what_a_total_has_above_the_other_side_is_the_providers_count() -> None:
    assert TokenUsage(10, 0, cached=3).of_sides(10, None, 14) == TokenUsage(10, 4, cached=3)
    assert TokenUsage(0, 4, cached=3).of_sides(None, 4, 14) == TokenUsage(10, 4, cached=3)


def test_a_stream_that_was_cut_wrote_at_least_what_came() -> None:
    assert TokenUsage(10, 1).cut_at(9) == TokenUsage(10, 3, estimated=True)
    assert TokenUsage(10, 7).cut_at(9) == TokenUsage(10, 7, estimated=True)
    assert TokenUsage(10, 0, lacks="completion").cut_at(9) == TokenUsage(10, 3, estimated=True)
    assert TokenUsage(0, 7, lacks="prompt").cut_at(9).lacks == "prompt"
