"""Lists that fetch their next page when it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from smeplug._call import Call
from smeplug._fields import Fields
from smeplug.errors import InvalidResponseError

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list; `next_cursor` is None on the last."""

    data: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Listing(Generic[T]):
    """A list to be read: how to ask for its page at a cursor (None: the first)."""

    call: Callable[[str | None], Call[Page[T]]]
    start: str | None


class Pager(Generic[T]):
    """Iterates over all items of a list, page by page; each `for` starts anew."""

    def __init__(self, listing: Listing[T], send: Callable[[Call[Page[T]]], Page[T]]) -> None:
        self._listing = listing
        self._send = send

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.data

    def pages(self) -> Iterator[Page[T]]:
        """The pages themselves, for a caller who keeps the cursor."""
        cursor = self._listing.start
        while True:
            page = self._send(self._listing.call(cursor))
            yield page
            if page.next_cursor is None:
                return
            cursor = _advanced(page.next_cursor, cursor)


class AsyncPager(Generic[T]):
    """`Pager` for `async for`."""

    def __init__(self, listing: Listing[T], send: Callable[[Call[Page[T]]], Awaitable[Page[T]]]) -> None:
        self._listing = listing
        self._send = send

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.data:
                yield item

    async def pages(self) -> AsyncIterator[Page[T]]:
        """The pages themselves, for a caller who keeps the cursor."""
        cursor = self._listing.start
        while True:
            page = await self._send(self._listing.call(cursor))
            yield page
            if page.next_cursor is None:
                return
            cursor = _advanced(page.next_cursor, cursor)


def parse_page(data: object, parse: Callable[[Fields], T]) -> Page[T]:
    fields = Fields("list", data)
    return Page(tuple(parse(item) for item in fields.parts("data")), fields.text_or_none("next_cursor"))


def _advanced(following: str, current: str | None) -> str:
    if following == current:  # else we would read the same page for ever
        raise InvalidResponseError("list.next_cursor did not move on")
    return following
