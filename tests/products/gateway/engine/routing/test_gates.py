"""A provider's limits: places at once, calls a minute, a bounded queue with a deadline, and whose key's turn it is."""

import asyncio
import time
from collections import Counter

import pytest

from patchbay.products.gateway.contracts import ProviderConfig, ProviderKey
from patchbay.products.gateway.engine.routing.gates import Gate
from patchbay.products.gateway.errors import ModelBusyError


def gate(**fields: object) -> Gate:
    return Gate(ProviderConfig("prov_1", "one", "fake", "", **fields))  # type: ignore[arg-type]


def soon() -> float:
    return time.monotonic() + 5


def test_without_limits_it_is_always_free() -> None:
    free = gate()
    assert all(free.enter() for _ in range(1000))


async def test_a_place_that_is_given_back_goes_to_who_waited_longest() -> None:
    full = gate(max_concurrent=1)
    assert full.enter()
    assert not full.enter()
    turns: list[int] = []

    async def come(number: int) -> None:
        await full.wait(soon())
        turns.append(number)
        full.leave()

    waiting = [asyncio.create_task(come(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert not turns
    full.leave()
    await asyncio.gather(*waiting)
    assert turns == [0, 1, 2]
    assert full.active == 0


async def test_who_waits_too_long_is_told_when_to_come_back() -> None:
    full = gate(max_concurrent=1, queue_seconds=0.01)
    full.enter()
    with pytest.raises(ModelBusyError) as refused:
        await full.wait(soon())
    assert refused.value.retry_after
    full.leave()
    assert full.active == 0


async def test_a_full_queue_refuses_at_once() -> None:
    full = gate(max_concurrent=1, queue_length=1)
    full.enter()
    first = asyncio.create_task(full.wait(soon()))
    await asyncio.sleep(0)
    with pytest.raises(ModelBusyError):
        await full.wait(soon())
    full.leave()
    await first


async def test_who_stops_waiting_leaves_no_place_taken() -> None:
    full = gate(max_concurrent=1)
    full.enter()
    waiting = asyncio.create_task(full.wait(soon()))
    await asyncio.sleep(0)
    full.leave()  # gives the place in this very turn
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert full.active == 0
    assert full.enter()


def test_a_rate_lets_a_seconds_burst_through_and_then_an_even_flow() -> None:
    now = [100.0]
    limited = Gate(ProviderConfig("prov_1", "one", "fake", "", requests_per_minute=120), lambda: now[0])
    assert sum(limited.enter() for _ in range(20)) == 3
    now[0] += 0.5
    assert sum(limited.enter() for _ in range(20)) == 1


KEYS = (ProviderKey("heavy", "s1", weight=3), ProviderKey("light", "s2"))


def test_keys_take_turns_by_weight() -> None:
    turns = Counter(key.id for key in map(lambda _, pool=gate(): pool.choose_key(KEYS), range(400)) if key)
    assert turns == {"heavy": 300, "light": 100}


def test_a_resting_key_is_passed_over_unless_all_rest() -> None:
    pool = gate()
    pool.rest(KEYS[0], 60)
    assert {key.id for _ in range(10) if (key := pool.choose_key(KEYS))} == {"light"}
    assert pool.resting_seconds(KEYS) == 0
    pool.rest(KEYS[1], 30)
    assert pool.choose_key(KEYS) is not None
    assert 0 < pool.resting_seconds(KEYS) <= 30


def test_a_secret_does_not_show_in_a_repr() -> None:
    assert "s1" not in repr(KEYS)
