"""A provider's limits over several processes: one number of places, one rate, one queue; over a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import pytest

from patchbay.lib.errors import UnavailableError
from patchbay.lib.shared.link import Link
from patchbay.lib.shared.places import RedisPlaces
from patchbay.products.gateway.contracts import ProviderConfig
from patchbay.products.gateway.engine.routing.shared_gates import SharedGate
from patchbay.products.gateway.errors import ModelBusyError
from tests.redis_server import RedisServer, redis_server

MakeGate = Callable[..., SharedGate]


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def make_gate(redis: RedisServer) -> AsyncIterator[MakeGate]:
    """Each gate is that of another process, with a link of its own."""
    links, gates = [], []

    def make(**limits: object) -> SharedGate:
        links.append(Link(redis.url))
        config = ProviderConfig("prov_1", "one", "fake", "", **limits)  # type: ignore[arg-type]
        gates.append(SharedGate(config, places=RedisPlaces(links[-1])))
        return gates[-1]

    yield make
    for gate in gates:
        if gate._talk is not None:
            gate._talk.cancel()
    for link in links:
        await link.close()


def soon() -> float:
    return time.monotonic() + 5


@dataclass
class Vendor:
    """Counts the calls under way, whoever makes them."""

    active: int = 0
    most: int = 0
    served: list[str] = field(default_factory=list)

    async def call(self, gate: SharedGate, name: str = "") -> None:
        if not gate.enter():
            await gate.wait(soon())
        self.active += 1
        self.most = max(self.most, self.active)
        await asyncio.sleep(0)
        self.active -= 1
        self.served.append(name)
        gate.leave()


async def until_free(*gates: SharedGate) -> None:
    """Until every process has told that it has nothing."""
    async with asyncio.timeout(5):
        for gate in gates:
            if gate._talk is not None:
                await gate._talk


async def until_full(gate: SharedGate) -> None:
    """Until Redis has said that a process must wait."""
    async with asyncio.timeout(5):
        while not gate._full_until:  # noqa: ASYNC110  another process says it, no event does
            await asyncio.sleep(0.001)


async def test_all_processes_together_keep_to_the_places_and_serve_everyone(make_gate: MakeGate) -> None:
    gates = [make_gate(max_concurrent=3) for _ in range(3)]
    vendor = Vendor()
    await asyncio.gather(*(vendor.call(gates[number % 3]) for number in range(60)))
    assert vendor.most <= 3
    assert len(vendor.served) == 60
    await until_free(*gates)
    assert [(gate.active, gate.waiting) for gate in gates] == [(0, 0)] * 3


async def test_a_place_that_one_process_gives_back_serves_who_waits_in_another(make_gate: MakeGate) -> None:
    here, there = make_gate(max_concurrent=1), make_gate(max_concurrent=1)
    await here.wait(soon())
    waiting = asyncio.create_task(there.wait(soon()))
    await until_full(there)
    here.leave()
    await waiting
    assert (here.active, there.active) == (0, 1)


async def test_a_provider_without_limits_needs_no_redis(redis: RedisServer, make_gate: MakeGate) -> None:
    redis.kill()
    free = make_gate()
    assert all(free.enter() for _ in range(100))
    for _ in range(100):
        free.leave()
    assert free._talk is None


async def test_the_queue_is_bounded_over_all_processes_and_the_newest_are_refused(make_gate: MakeGate) -> None:
    limits = {"max_concurrent": 1, "queue_length": 2}
    holder, here, there = (make_gate(**limits) for _ in range(3))
    await holder.wait(soon())
    first = asyncio.create_task(here.wait(soon()))
    await until_full(here)
    later = [asyncio.create_task(there.wait(soon())) for _ in range(3)]
    done = await asyncio.gather(*later[1:], return_exceptions=True)
    assert [type(each) for each in done] == [ModelBusyError, ModelBusyError]
    holder.leave()
    await first
    here.leave()
    await later[0]


async def test_nobody_is_refused_for_a_queue_of_none_while_there_are_places(make_gate: MakeGate) -> None:
    limits = {"max_concurrent": 2, "queue_length": 0}
    here, there = make_gate(**limits), make_gate(**limits)
    await asyncio.gather(here.wait(soon()), there.wait(soon()))
    for gate in (here, there):
        with pytest.raises(ModelBusyError) as refused:
            await gate.wait(soon())
        assert refused.value.retry_after


async def test_a_minutes_rate_is_one_for_all_processes(make_gate: MakeGate) -> None:
    limits = {"requests_per_minute": 300, "queue_seconds": 0.0}
    gates = [make_gate(**limits) for _ in range(2)]
    begun = time.monotonic()
    outcomes = await asyncio.gather(*(gates[number % 2].wait(soon()) for number in range(40)), return_exceptions=True)
    seconds = time.monotonic() - begun
    assert sum(each is None for each in outcomes) <= 6 + seconds * 5


async def test_who_waits_too_long_is_told_when_to_come_back_and_leaves_nothing_behind(make_gate: MakeGate) -> None:
    here, there = (make_gate(max_concurrent=1, queue_seconds=0.05) for _ in range(2))
    await here.wait(soon())
    with pytest.raises(ModelBusyError) as refused:
        await there.wait(soon())
    assert refused.value.retry_after
    here.leave()
    await until_free(here, there)
    assert (there.active, there.waiting) == (0, 0)


async def test_who_gives_up_while_a_place_is_on_its_way_does_not_keep_it(make_gate: MakeGate) -> None:
    here, there = make_gate(max_concurrent=1), make_gate(max_concurrent=1)
    for _ in range(20):
        leaving = asyncio.create_task(here.wait(soon()))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await there.wait(soon())
        there.leave()
    await until_free(here, there)
    assert (here.active, there.active) == (0, 0)


async def test_without_redis_nobody_is_let_through_and_afterwards_everyone_again(
    redis: RedisServer, make_gate: MakeGate
) -> None:
    here = make_gate(max_concurrent=2)
    await here.wait(soon())
    redis.kill()
    with pytest.raises(UnavailableError):
        await here.wait(soon())
    redis.start()
    there = make_gate(max_concurrent=2)
    async with asyncio.timeout(10):
        while True:
            try:
                await here.wait(soon())
                break
            except UnavailableError:
                await asyncio.sleep(0.01)
    full = asyncio.create_task(there.wait(soon()))
    here.leave()
    await full
    assert (here.active, there.active) == (1, 1)
