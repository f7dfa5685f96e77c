"""Passing failures are tried again, and nothing is charged twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smeplug import APIConnectionError, APIError, ConflictError, RateLimitError, ServiceUnavailableError
from smeplug._problem import parse_retry_after
from smeplug._retry import RetryPolicy

from tests.fakes.patchbay_api import PRICE, Drop, Fail, FakePatchbay


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_status_is_tried_again(plug: Any, fake: FakePatchbay, slept: list[float], status: int) -> None:
    fake.fail_next(Fail(status), Fail(status))
    assert plug.chat("Why?").outcome == "answered"
    assert (len(fake.requests), len(slept)) == (3, 2)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 415, 422, 501])
def test_a_lasting_status_is_not(plug: Any, fake: FakePatchbay, slept: list[float], status: int) -> None:
    fake.fail_next(Fail(status))
    with pytest.raises(APIError):
        plug.chat("Why?")
    assert (len(fake.requests), slept) == (1, [])


def test_after_the_last_try_the_failure_is_raised(plug: Any, fake: FakePatchbay) -> None:
    fake.fail_next(*[Fail(503)] * 3)
    with pytest.raises(ServiceUnavailableError):
        plug.chat("Why?")
    assert len(fake.requests) == 3


@pytest.mark.parametrize("max_retries", [0, 1, 4])
def test_the_caller_sets_how_often(connect: Any, fake: FakePatchbay, max_retries: int) -> None:
    fake.fail_next(*[Drop()] * 9)
    with pytest.raises(APIConnectionError):
        connect(max_retries=max_retries).me()
    assert len(fake.requests) == max_retries + 1


def test_an_answer_lost_on_its_way_is_charged_once(plug: Any, fake: FakePatchbay) -> None:
    fake.fail_next(Drop(after=True), Fail(503))
    assert plug.chat("Why?").outcome == "answered"
    assert fake.spent == PRICE
    assert len({seen.headers["idempotency-key"] for seen in fake.requests}) == 1
    assert len({seen.body for seen in fake.requests}) == 1


def test_the_server_says_how_long_to_wait(plug: Any, fake: FakePatchbay, slept: list[float]) -> None:
    fake.fail_next(Fail(429, headers={"retry-after": "7"}), Fail(503, headers={"retry-after": "0"}))
    plug.me()
    assert slept == [7.0, 0.0]


def test_a_wait_that_is_too_long_is_left_to_the_caller(plug: Any, fake: FakePatchbay, slept: list[float]) -> None:
    fake.fail_next(Fail(429, headers={"retry-after": "3600"}))
    with pytest.raises(RateLimitError) as caught:
        plug.me()
    assert (caught.value.retry_after, slept, len(fake.requests)) == (3600.0, [], 1)


def test_our_own_earlier_try_still_at_work_is_waited_for(plug: Any, fake: FakePatchbay, slept: list[float]) -> None:
    fake.fail_next(Fail(409, "request_in_progress", headers={"retry-after": "1"}))
    assert plug.chat("Why?").outcome == "answered"
    assert slept == [1.0]


def test_a_key_used_for_another_question_is_a_conflict(plug: Any, fake: FakePatchbay) -> None:
    plug.chat("Why?", idempotency_key="mine")
    with pytest.raises(ConflictError, match="idempotency_key_reused"):
        plug.chat("How?", idempotency_key="mine")


def test_retry_after_may_be_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert parse_retry_after(format_datetime(soon, usegmt=True)) == pytest.approx(30, abs=2)
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


@pytest.mark.parametrize("value", [None, "", "soon", "-1", "1.5", "99 Foo 2026"])
def test_an_unusable_retry_after_is_none(value: str | None) -> None:
    assert parse_retry_after(value) is None


@given(st.integers(1, 50), st.floats(0, 1))
def test_the_backoff_is_random_up_to_a_doubling_bound(failed: int, luck: float) -> None:
    policy = RetryPolicy(max_retries=50, uniform=lambda low, high: low + luck * (high - low))
    pause = policy.pause(APIConnectionError("gone"), failed)
    assert pause == pytest.approx(luck * min(8.0, 0.5 * 2 ** (failed - 1)))
