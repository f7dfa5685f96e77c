"""Rates in a real Redis: exact over processes, refused when it is away, and few round trips."""

import asyncio
import json
import subprocess
import sys

import pytest

from patchbay.lib.errors import UnavailableError
from patchbay.lib.shared.contracts import Rate
from patchbay.lib.shared.epoch import SharedEpoch
from patchbay.lib.shared.redis_rates import RedisRates
from tests.redis_server import RedisServer

PROCESS = """
import asyncio, json, sys, tempfile
from pathlib import Path
from patchbay.lib.epoch import Epoch
from patchbay.lib.shared.epoch import SharedEpoch
from patchbay.lib.shared.contracts import Rate
from patchbay.lib.shared.link import Link
from patchbay.lib.shared.redis_rates import RedisRates

async def main(url, per_minute, count, folder):
    rates = RedisRates(Link(url), SharedEpoch(Epoch(Path(folder) / "epoch")))
    await rates.link.ready()
    print("ready", flush=True)
    sys.stdin.readline()
    taken = await asyncio.gather(*(rates.take([Rate("org", per_minute)]) for _ in range(count)))
    print(json.dumps([each.granted for each in taken]), flush=True)
    await rates.link.close()

with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), folder))
"""


async def burst(rates: RedisRates, count: int, *asked: Rate) -> list[bool]:
    return [taken.granted for taken in await asyncio.gather(*(rates.take(asked) for _ in range(count)))]


async def until_it_answers(rates: RedisRates) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await rates.take([Rate("probe", 1_000_000)])
                return
            except UnavailableError:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("per_minute", [1, 7, 60])
async def test_exactly_a_minutes_worth_is_granted_at_once(rates: RedisRates, per_minute: int) -> None:
    await until_it_answers(rates)
    answers = await burst(rates, per_minute + 10, Rate("org", per_minute))
    assert answers == [True] * per_minute + [False] * 10


async def test_waiting_is_never_saved(rates: RedisRates) -> None:
    assert rates.take_now([Rate("org", 10)]) is None


async def test_what_one_rate_refuses_the_other_is_not_charged(rates: RedisRates) -> None:
    plan, key = Rate("org", 10), Rate("key", 2)
    assert await burst(rates, 5, plan, key) == [True, True, False, False, False]
    assert await burst(rates, 9, plan) == [True] * 8 + [False]


async def test_what_is_in_use_is_said_for_each_rate(rates: RedisRates) -> None:
    plan, key = Rate("org", 10), Rate("key", 2)
    granted, used = await rates.take([plan, key])
    assert granted
    assert used == pytest.approx([6.0, 30.0], abs=0.01)


def test_three_processes_share_one_rate_exactly(redis: RedisServer) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, redis.url, "6", "20"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write(b"go\n")
        process.stdin.flush()
    answers = [granted for process in processes for granted in json.loads(process.communicate(timeout=20)[0])]
    assert (len(answers), sum(answers)) == (60, 6)


async def test_requests_of_one_turn_are_one_call(rates: RedisRates, redis: RedisServer) -> None:
    await until_it_answers(rates)
    redis.run("CONFIG RESETSTAT")
    await burst(rates, 64, Rate("org", 1000))
    calls = redis.run("INFO commandstats").decode()
    assert "cmdstat_evalsha:calls=1," in calls


async def test_a_cancelled_taker_does_not_disturb_its_neighbours(rates: RedisRates) -> None:
    await until_it_answers(rates)
    cancelled = asyncio.create_task(rates.take([Rate("org", 10)]))
    others = asyncio.create_task(burst(rates, 3, Rate("org", 10)))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await others == [True, True, True]


async def test_a_killed_redis_is_refused_at_once_and_comes_back_by_itself(
    rates: RedisRates, redis: RedisServer
) -> None:
    await until_it_answers(rates)
    redis.kill()
    for _ in range(50):
        with pytest.raises(UnavailableError) as refused:
            async with asyncio.timeout(0.5):
                await rates.take([Rate("org", 10)])
        assert refused.value.retry_after
    redis.start()
    await until_it_answers(rates)
    assert await burst(rates, 12, Rate("org", 10)) == [True] * 10 + [False] * 2


async def test_one_that_is_away_from_the_start_is_refused(rates: RedisRates, redis: RedisServer) -> None:
    redis.kill()
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await rates.take([Rate("org", 10)])


async def test_a_silent_redis_is_given_up(rates: RedisRates, redis: RedisServer) -> None:
    await until_it_answers(rates)
    redis.pause()
    with pytest.raises(UnavailableError):
        async with asyncio.timeout(5):
            await rates.take([Rate("org", 10)])
    redis.resume()
    await until_it_answers(rates)


async def test_a_redis_that_forgot_empties_the_caches(
    rates: RedisRates, redis: RedisServer, machine: SharedEpoch
) -> None:
    await until_it_answers(rates)
    before = machine.read()
    await until_it_answers(rates)
    assert machine.read() == before, "nothing happened"
    redis.kill()
    redis.start()
    await until_it_answers(rates)
    assert machine.read() != before


async def test_an_emptied_redis_empties_the_caches(rates: RedisRates, redis: RedisServer, machine: SharedEpoch) -> None:
    await until_it_answers(rates)
    before = machine.read()
    redis.run("FLUSHALL")
    await until_it_answers(rates)
    assert machine.read() != before


async def test_a_bump_elsewhere_is_known_with_the_next_answer(
    rates: RedisRates, machine: SharedEpoch, elsewhere: SharedEpoch
) -> None:
    await until_it_answers(rates)
    before = machine.read()
    await asyncio.to_thread(elsewhere.bump, "org_a")
    assert machine.read() == before
    await rates.take([Rate("org", 10)])
    assert machine.changes_since(before) == (before + 1, {"org_a"})


async def test_a_refusing_redis_is_no_free_ride(rates: RedisRates, redis: RedisServer) -> None:
    await until_it_answers(rates)
    redis.run("CONFIG SET maxmemory 1")
    with pytest.raises(UnavailableError):
        await rates.take([Rate("org", 10)])
