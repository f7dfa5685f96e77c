"""What a call is charged for where its provider's count is whole, lacks a side, or is none."""

import pytest

from patchbay.products.gateway.engine.counts import counted
from patchbay.products.gateway.engine.overruns import MOST_TOKENS
from patchbay.products.gateway.wire.contracts import TokenUsage

BODY = b'{"messages": [{"role": "user", "content": "twelve bytes"}]}'


def never() -> int:
    pytest.fail("an answer that was counted need not be measured")


@pytest.mark.parametrize("usage", [TokenUsage(7, 3), TokenUsage(0, 0), TokenUsage(7, 3, estimated=True)])
def test_a_whole_count_stands_and_nothing_is_measured(usage: TokenUsage) -> None:
    assert counted(usage, BODY, never) == usage


def test_no_count_and_no_credible_count_are_estimated() -> None:
    for usage in (None, TokenUsage(MOST_TOKENS + 1, 1), TokenUsage(1, MOST_TOKENS + 1)):
        assert counted(usage, BODY, lambda: 9) == TokenUsage(3, 3, estimated=True)


def test_the_side_that_lacks_is_estimated_and_the_other_stands() -> None:
    assert counted(TokenUsage(0, 5, lacks="prompt"), BODY, never) == TokenUsage(3, 5, estimated=True)
    assert counted(TokenUsage(5, 0, lacks="completion"), BODY, lambda: 9) == TokenUsage(5, 3, estimated=True)


def test_an_estimate_is_never_below_the_parts_that_were_counted() -> None:
    thought = TokenUsage(5, 400, reasoning=400, lacks="completion")
    assert counted(thought, BODY, lambda: 9) == TokenUsage(5, 400, reasoning=400, estimated=True)
