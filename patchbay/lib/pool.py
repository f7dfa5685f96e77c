"""Blocking work beside an event loop: few threads, a short queue, and an honest refusal when it is full."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

from patchbay.lib.errors import UnavailableError

P = ParamSpec("P")
T = TypeVar("T")


class BlockingPool:
    """`threads` run at once, `queue` wait; more are refused, because a long queue answers nobody in time."""

    def __init__(self, name: str, *, threads: int, queue: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads + queue

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

    def _release(self, _: "asyncio.Future[T]") -> None:
        self._free += 1


def _run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run with Django's connection handling of a request, which a bare thread does not have."""
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
