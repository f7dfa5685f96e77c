"""Requests per minute: a burst of a minute's worth, then an even flow."""

import pytest

from patchbay.lib.errors import RateLimitedError
from patchbay.products.gateway.engine.rates import Allowance, RateLimiter, refusal


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> RateLimiter:
    return RateLimiter(clock)


@pytest.mark.parametrize("per_minute", [1, 7, 60, 100, 999])
def test_exactly_a_minutes_worth_is_granted_at_once(limiter: RateLimiter, per_minute: int) -> None:
    granted = [limiter.take("org", per_minute)[1] for _ in range(per_minute + 3)]
    assert granted == [True] * per_minute + [False] * 3


def test_then_one_is_granted_each_interval(limiter: RateLimiter, clock: Clock) -> None:
    for _ in range(60):
        limiter.take("org", 60)
    clock.now += 0.9
    assert not limiter.take("org", 60)[1]
    clock.now += 0.2
    assert limiter.take("org", 60)[1]
    assert not limiter.take("org", 60)[1]


def test_a_refused_request_costs_nothing(limiter: RateLimiter, clock: Clock) -> None:
    for _ in range(500):
        limiter.take("org", 10)
    clock.now += 60
    assert [limiter.take("org", 10)[1] for _ in range(11)] == [True] * 10 + [False]


def test_organisations_do_not_share(limiter: RateLimiter) -> None:
    assert limiter.take("a", 1)[1]
    assert limiter.take("b", 1)[1]
    assert not limiter.take("a", 1)[1]


def test_the_headers_say_what_is_left(limiter: RateLimiter) -> None:
    for _ in range(3):
        allowance, _granted = limiter.take("org", 10)
    assert allowance.headers() == [(b"ratelimit-policy", b'"plan";q=10;w=60'), (b"ratelimit", b'"plan";r=7;t=18')]


def test_waiting_as_long_as_the_refusal_says_is_enough(limiter: RateLimiter, clock: Clock) -> None:
    while (taken := limiter.take("org", 30))[1]:
        clock.now += 0.01
    error = refusal(taken[0])
    assert isinstance(error, RateLimitedError)
    assert error.retry_after is not None
    clock.now += error.retry_after
    assert limiter.take("org", 30)[1]


def test_memory_does_not_grow_with_those_who_went(limiter: RateLimiter, clock: Clock) -> None:
    for index in range(10_000):
        limiter.take(f"org{index}", 10)
    clock.now += 61
    limiter.take("one more", 10)
    assert len(limiter._arrivals) == 1


def test_nothing_left_is_never_negative() -> None:
    assert Allowance(10, 0, 60.0).headers()[1] == (b"ratelimit", b'"plan";r=0;t=60')
