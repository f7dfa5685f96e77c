"""Blocking work beside an event loop: few threads, a short queue, and an honest refusal when it is full."""

import asyncio
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import close_old_connections

from patchbay.lib.errors import UnavailableError

P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")
_TOGETHER = 256
"""How many arguments one call takes at most."""
_WAITING = 4096
"""How many wait for their call at most."""


class BlockingPool:
    """`threads` run at once, `queue` wait; more are refused, because a long queue answers nobody in time."""

    def __init__(self, name: str, *, threads: int, queue: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads + queue
        self._together: dict[Callable[..., Any], list[tuple[Any, asyncio.Future[Any]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` in a thread; UnavailableError when the queue is full.

        A cancelled caller does not stop the thread: its place is free again when the work is done.
        """
        if self._free <= 0:
            raise UnavailableError("Patchbay is busy; nothing was charged.", retry_after=1)
        return await self.finish(function, *args, **kwargs)

    async def finish(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what ends something that was begun: it waits its turn, but is never refused."""
        self._free -= 1
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, functools.partial(_run, function, *args, **kwargs))
        future.add_done_callback(self._release)
        return await asyncio.shield(future)

    async def run_together(self, function: Callable[[Sequence[A]], Sequence[T | Exception]], argument: A) -> T:
        """Return what `function` has for the argument, or raise it: one call for all who ask while one is under way.

        What it raises, and UnavailableError when too many wait, is everyone's of that call.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        waiting = self._together.get(function)
        if waiting is None:
            self._together[function] = [(argument, future)]
            task = asyncio.create_task(self._answer_all(function))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(waiting) >= _WAITING:
            raise UnavailableError("Patchbay is busy; nothing was charged.", retry_after=1)
        else:
            waiting.append((argument, future))
        return await future

    async def _answer_all(self, function: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
        waiting = self._together[function]
        try:
            while waiting:
                batch = waiting[:_TOGETHER]
                del waiting[:_TOGETHER]
                try:
                    outcomes = await self.run(function, [argument for argument, _ in batch])
                except Exception as error:
                    outcomes = [error] * len(batch)
                _share_out(batch, outcomes)
        finally:
            del self._together[function]

    def _release(self, _: "asyncio.Future[T]") -> None:
        self._free += 1


def _run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run with Django's connection handling of a request, which a bare thread does not have."""
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()


def _share_out(batch: Sequence[tuple[Any, "asyncio.Future[Any]"]], outcomes: Sequence[Any]) -> None:
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if future.done():  # its asker was cancelled
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
