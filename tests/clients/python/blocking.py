"""Lets one test speak to both clients: drives the async one from blocking code, on a loop of its own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

from smeplug import AsyncAnswerStream, AsyncPager


class Blocking:
    """Stands before an object of the async client: awaits what it returns, wraps what it holds."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if callable(found):
            return lambda *args, **kwargs: self._settled(found(*args, **kwargs))
        return Blocking(found, self._loop) if type(found).__module__ == "smeplug._async_resources" else found

    def __enter__(self) -> Blocking:
        self._loop.run_until_complete(self._target.__aenter__())
        return self

    def __exit__(self, *error: Any) -> None:
        self._loop.run_until_complete(self._target.__aexit__(*error))

    def __iter__(self) -> Iterator[Any]:
        events = aiter(self._target)
        end = object()
        while (item := self._loop.run_until_complete(anext(events, end))) is not end:
            yield item

    def __repr__(self) -> str:
        return repr(self._target)

    def _settled(self, result: Any) -> Any:
        if inspect.isawaitable(result):
            return self._loop.run_until_complete(result)
        if isinstance(result, (AsyncPager, AsyncAnswerStream)) or inspect.isasyncgen(result):
            return Blocking(result, self._loop)
        return result
