"""Blocking work beside the event loop."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from patchbay.lib.errors import UnavailableError
from patchbay.lib.pool import BlockingPool


async def test_results_and_errors_come_back() -> None:
    pool = BlockingPool("test", threads=1, queue=0)
    assert await pool.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await pool.run(divmod, 7, 0)
    assert await pool.run(threading.current_thread) is not threading.current_thread()


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back() -> None:
    pool = BlockingPool("test", threads=1, queue=1)
    gate = threading.Event()
    waiting = [asyncio.create_task(pool.run(gate.wait, 10)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError) as caught:
        await pool.run(int)
    assert caught.value.retry_after == 1
    gate.set()
    assert await asyncio.gather(*waiting) == [True, True]
    assert await pool.run(int) == 0


async def test_a_cancelled_caller_frees_its_place_when_the_work_is_done() -> None:
    pool = BlockingPool("test", threads=1, queue=0)
    gate = threading.Event()
    task = asyncio.create_task(pool.run(gate.wait, 10))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(UnavailableError):
        await pool.run(int)
    gate.set()
    async with asyncio.timeout(5):
        assert await when_free(pool) == 0


async def when_free(pool: BlockingPool) -> int:
    while True:
        try:
            return await pool.run(int)
        except UnavailableError:
            await asyncio.sleep(0)


async def test_who_asks_while_a_call_is_under_way_shares_the_next() -> None:
    pool = BlockingPool("test", threads=1, queue=0)
    gate, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    calls: list[list[int]] = []

    def halve(numbers: Sequence[int]) -> list[float | Exception]:
        calls.append(list(numbers))
        loop.call_soon_threadsafe(begun.set)
        assert gate.wait(10)
        return [ValueError(str(number)) if number % 2 else number / 2 for number in numbers]

    first = asyncio.create_task(pool.run_together(halve, 0))
    await begun.wait()
    others = [asyncio.create_task(pool.run_together(halve, number)) for number in range(1, 7)]
    await asyncio.sleep(0)
    others[1].cancel()
    gate.set()
    assert await first == 0
    outcomes = await asyncio.gather(*others, return_exceptions=True)
    assert calls == [[0], [1, 2, 3, 4, 5, 6]]
    assert [type(outcome) for outcome in outcomes[:3]] == [ValueError, asyncio.CancelledError, ValueError]
    assert outcomes[3] == 2
    assert await pool.run_together(halve, 8) == 4


async def test_what_a_shared_call_raises_is_everyones_and_the_next_goes_on() -> None:
    pool = BlockingPool("test", threads=1, queue=0)
    fail = True

    def give(numbers: Sequence[int]) -> Sequence[int | Exception]:
        if fail:
            raise UnavailableError("away")
        return numbers

    outcomes = await asyncio.gather(*(pool.run_together(give, number) for number in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [UnavailableError] * 3
    fail = False
    assert await asyncio.gather(*(pool.run_together(give, number) for number in range(1_000))) == list(range(1_000))
