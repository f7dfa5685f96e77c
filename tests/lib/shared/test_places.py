"""Places in a real Redis: never more than there are, who waits longest first, and those of the dead given back."""

import asyncio
import time

import pytest

from patchbay.lib.errors import UnavailableError
from patchbay.lib.shared.link import Link
from patchbay.lib.shared.places import LIFE_SECONDS, Given, RedisPlaces, Room
from tests.redis_server import RedisServer

THREE = Room(3, None, 10)


def moment(seconds_ago: float) -> int:
    """As the script counts: microseconds since its origin."""
    return int((time.time() - seconds_ago - 1_700_000_000) * 1_000_000)


class Process:
    """One of several processes that share Redis."""

    def __init__(self, link: Link) -> None:
        self._places = RedisPlaces(link)

    async def tell(self, room: Room = THREE, *, taken: int = 0, wanted: int = 0, waited: float = 0.0) -> Given:
        return await self._places.tell("vendor", room, taken=taken, wanted=wanted, waited_seconds=waited)


@pytest.fixture
def one(link: Link) -> Process:
    return Process(link)


@pytest.fixture
def two(link: Link) -> Process:
    return Process(link)


async def test_all_processes_together_get_no_more_than_there_is(one: Process, two: Process) -> None:
    assert (await one.tell(wanted=2)).places == 2
    assert (await two.tell(wanted=2)).places == 1
    assert (await one.tell(taken=2, wanted=1)).places == 0


async def test_at_once_they_get_exactly_what_there_is(link: Link) -> None:
    answers = await asyncio.gather(*(Process(link).tell(Room(10, None, 20), wanted=1) for _ in range(30)))
    assert sum(each.places for each in answers) == 10


async def test_the_queue_is_one_for_all_and_who_waits_already_stays(one: Process, two: Process, link: Link) -> None:
    room = Room(1, None, 3)
    await Process(link).tell(room, wanted=1)
    assert await one.tell(room, wanted=2) == Given(0, 0, 0.0)
    assert await two.tell(room, wanted=3) == Given(0, 2, 0.0)
    assert await one.tell(room, wanted=2) == Given(0, 0, 0.0)
    assert await one.tell(room, wanted=3) == Given(0, 1, 0.0)


async def test_without_a_limit_all_is_given(one: Process) -> None:
    assert await one.tell(Room(None, None, 0), wanted=500) == Given(500, 0, 0.0)


async def test_what_is_given_back_goes_to_who_waits(one: Process, two: Process) -> None:
    await one.tell(wanted=3)
    assert (await two.tell(wanted=1)).places == 0
    await one.tell(taken=2)
    assert (await two.tell(wanted=1)).places == 1


async def test_who_has_waited_longest_comes_first_whoever_asks_first(one: Process, two: Process, link: Link) -> None:
    full = Process(link)
    await full.tell(wanted=3)
    assert (await two.tell(wanted=1, waited=5.0)).places == 0
    await full.tell(taken=2)
    late = await one.tell(wanted=1, waited=1.0)
    assert late.places == 0
    assert (await two.tell(wanted=1, waited=5.0)).places == 1


async def test_who_waits_without_asking_holds_nobody_up(redis: RedisServer, one: Process) -> None:
    redis.run(f'HSET patchbay:places:vendor asleep "0 1 {moment(60)} {moment(5)}"')
    assert await one.tell(wanted=3) == Given(3, 0, 0.0)


async def test_a_rate_allows_a_second_at_once_and_then_an_even_flow(one: Process, two: Process) -> None:
    hundred = Room(None, 600, 50)
    first, second = await one.tell(hundred, wanted=8), await two.tell(hundred, wanted=8)
    assert first.places == 8
    assert 3 <= second.places <= 4  # eleven at once, and what a slow test has waited for
    assert 0 < second.pause <= 0.1
    assert (await one.tell(hundred, taken=8, wanted=8)).places <= 1


async def test_the_places_of_a_process_that_ended_are_free_again(redis: RedisServer, one: Process) -> None:
    redis.run(f'HSET patchbay:places:vendor other "2 0 0 {moment(LIFE_SECONDS - 1)}"')
    assert (await one.tell(wanted=3)).places == 1
    redis.run(f'HSET patchbay:places:vendor other "2 0 0 {moment(LIFE_SECONDS + 1)}"')
    assert (await one.tell(taken=1, wanted=2)).places == 2


async def test_a_process_puts_right_what_redis_forgot(redis: RedisServer, one: Process, two: Process) -> None:
    await one.tell(wanted=3)
    redis.run("FLUSHALL")
    await one.tell(taken=3)
    assert (await two.tell(wanted=1)).places == 0


async def test_a_restarted_redis_is_taught_anew(redis: RedisServer, one: Process) -> None:
    await one.tell(wanted=1)
    redis.run("SCRIPT FLUSH")
    assert (await one.tell(taken=1, wanted=1)).places == 1


async def test_without_redis_nothing_is_given(redis: RedisServer, one: Process) -> None:
    await one.tell(wanted=1)
    redis.kill()
    with pytest.raises(UnavailableError):
        await one.tell(taken=1, wanted=1)


async def test_who_has_and_wants_nothing_leaves_no_trace(redis: RedisServer, one: Process) -> None:
    await one.tell(wanted=1)
    await one.tell()
    assert redis.run("EXISTS patchbay:places:vendor") == b":0\r\n"
