"""What doors take from the rates: an organisation's, a key's own, and the headers that say what is left."""

import asyncio

import pytest

from patchbay.lib.errors import RateLimitedError
from patchbay.lib.shared import state
from patchbay.lib.shared.memory import MemoryRates
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine.limits import Limits


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> Limits:
    return Limits(MemoryRates(clock))


def caller(plan: int = 10, key: int | None = None) -> Caller:
    return Caller("org_1", plan, key_id="key_1", key_requests_per_minute=key)


def refused(limits: Limits, who: Caller) -> RateLimitedError:
    try:
        for _ in range(1000):
            limits.take_now(who)
    except RateLimitedError as error:
        return error
    raise AssertionError("a thousand requests were granted")


def test_the_headers_say_what_is_left(limits: Limits) -> None:
    for _ in range(3):
        headers = limits.take_now(caller())
    assert headers == [(b"ratelimit-policy", b'"plan";q=10;w=60'), (b"ratelimit", b'"plan";r=7;t=18')]


def test_a_keys_own_rate_is_a_second_policy(limits: Limits) -> None:
    assert limits.take_now(caller(10, key=2)) == [
        (b"ratelimit-policy", b'"plan";q=10;w=60, "key";q=2;w=60'),
        (b"ratelimit", b'"plan";r=9;t=6, "key";r=1;t=30'),
    ]


def test_openais_headers_tell_of_the_tighter_limit(limits: Limits) -> None:
    assert dict(limits.take_now(caller(600, key=2), openai=True) or []) | {} == {
        b"ratelimit-policy": b'"plan";q=600;w=60, "key";q=2;w=60',
        b"ratelimit": b'"plan";r=599;t=1, "key";r=1;t=30',
        b"x-ratelimit-limit-requests": b"2",
        b"x-ratelimit-remaining-requests": b"1",
        b"x-ratelimit-reset-requests": b"30s",
    }


@pytest.mark.parametrize(
    ("per_minute", "taken", "reset"), [(600, 1, b"100ms"), (1000, 130, b"7.8s"), (60, 60, b"1m0s"), (8, 3, b"22.5s")]
)
def test_openais_reset_is_written_as_openai_does(limits: Limits, per_minute: int, taken: int, reset: bytes) -> None:
    for _ in range(taken):
        headers = limits.take_now(caller(per_minute), openai=True)
    assert dict(headers or [])[b"x-ratelimit-reset-requests"] == reset


def test_a_refusal_names_the_rate_and_carries_the_headers(limits: Limits) -> None:
    error = refused(limits, caller(10))
    assert error.message == "Your plan allows 10 requests a minute."
    assert dict(error.headers)[b"ratelimit"] == b'"plan";r=0;t=60'


def test_a_keys_refusal_is_not_blamed_on_the_plan(limits: Limits) -> None:
    error = refused(limits, caller(10, key=1))
    assert error.message == "This key allows 1 request a minute."
    assert "API keys page" in (error.next_step or "")


def test_a_plan_used_up_by_other_keys_is_not_blamed_on_the_key(limits: Limits) -> None:
    refused(limits, caller(10))
    assert refused(limits, caller(10, key=5)).extra == {"limit": 10}


@pytest.mark.parametrize("key", [None, 7])
def test_waiting_as_long_as_the_refusal_says_is_enough(limits: Limits, clock: Clock, key: int | None) -> None:
    error = refused(limits, caller(30, key=key))
    assert error.retry_after
    clock.now += error.retry_after
    assert limits.take_now(caller(30, key=key))


def test_a_key_without_its_own_rate_shares_the_plans(limits: Limits) -> None:
    refused(limits, caller(10))
    refused(limits, Caller("org_1", 10, key_id="key_2"))
    assert limits.take_now(Caller("org_2", 10, key_id="key_3"))


async def test_who_changed_meanwhile_is_asked_again_who_it_is(limits: Limits) -> None:
    asked: list[int] = []

    async def identify() -> Caller:
        asked.append(len(asked))
        if len(asked) == 1:
            await asyncio.to_thread(state.epoch().bump)
        return caller(10 * len(asked))

    who, headers = await limits.identify_and_take(identify, lambda found: found)
    assert (asked, who.requests_per_minute) == ([0, 1], 20)
    assert dict(headers)[b"ratelimit-policy"] == b'"plan";q=20;w=60', "the rate that was changed counts at once"


async def test_whom_the_old_rate_refuses_and_the_new_one_does_not_is_served(limits: Limits, clock: Clock) -> None:
    refused(limits, caller(10))
    clock.now += 1
    plans = iter((10, 600))

    async def identify() -> Caller:
        await asyncio.to_thread(state.epoch().bump)
        return caller(next(plans))

    _, headers = await limits.identify_and_take(identify, lambda found: found)
    assert dict(headers)[b"ratelimit-policy"] == b'"plan";q=600;w=60'


async def test_another_change_than_that_of_a_rate_takes_nothing_more(limits: Limits) -> None:
    async def identify() -> Caller:
        await asyncio.to_thread(state.epoch().bump)
        return caller(10)

    _, headers = await limits.identify_and_take(identify, lambda found: found)
    assert dict(headers)[b"ratelimit"] == b'"plan";r=9;t=6'


async def test_who_did_not_change_is_asked_once(limits: Limits) -> None:
    asked: list[Caller] = []

    async def identify() -> Caller:
        asked.append(caller())
        return asked[-1]

    await limits.identify_and_take(identify, lambda found: found)
    assert len(asked) == 1
