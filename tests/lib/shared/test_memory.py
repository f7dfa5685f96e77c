"""Requests per minute: a burst of a minute's worth, then an even flow."""

import pytest

from patchbay.lib.shared.contracts import Rate
from patchbay.lib.shared.memory import MemoryRates


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rates(clock: Clock) -> MemoryRates:
    return MemoryRates(clock)


def granted(rates: MemoryRates, *asked: Rate) -> bool:
    return rates.take_now(asked).granted


@pytest.mark.parametrize("per_minute", [1, 7, 60, 100, 999])
def test_exactly_a_minutes_worth_is_granted_at_once(rates: MemoryRates, per_minute: int) -> None:
    answers = [granted(rates, Rate("org", per_minute)) for _ in range(per_minute + 3)]
    assert answers == [True] * per_minute + [False] * 3


def test_then_one_is_granted_each_interval(rates: MemoryRates, clock: Clock) -> None:
    for _ in range(60):
        granted(rates, Rate("org", 60))
    clock.now += 0.9
    assert not granted(rates, Rate("org", 60))
    clock.now += 0.2
    assert granted(rates, Rate("org", 60))
    assert not granted(rates, Rate("org", 60))


def test_a_refused_request_costs_nothing(rates: MemoryRates, clock: Clock) -> None:
    for _ in range(500):
        granted(rates, Rate("org", 10))
    clock.now += 60
    assert [granted(rates, Rate("org", 10)) for _ in range(11)] == [True] * 10 + [False]


def test_names_do_not_share(rates: MemoryRates) -> None:
    assert granted(rates, Rate("a", 1))
    assert granted(rates, Rate("b", 1))
    assert not granted(rates, Rate("a", 1))


def test_what_one_rate_refuses_the_other_is_not_charged(rates: MemoryRates) -> None:
    plan, key = Rate("org", 10), Rate("key", 2)
    assert [granted(rates, plan, key) for _ in range(5)] == [True, True, False, False, False]
    assert [granted(rates, plan) for _ in range(9)] == [True] * 8 + [False]


async def test_awaiting_takes_from_the_same(rates: MemoryRates) -> None:
    assert (await rates.take([Rate("org", 1)])).granted
    assert not granted(rates, Rate("org", 1))


def test_memory_does_not_grow_with_those_who_went(rates: MemoryRates, clock: Clock) -> None:
    for index in range(10_000):
        granted(rates, Rate(f"org{index}", 10))
    clock.now += 61
    granted(rates, Rate("one more", 10))
    assert len(rates._arrivals) == 1
