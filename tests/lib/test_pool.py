"""Blocking work beside the event loop."""

import asyncio
import threading

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
