"""Server-sent events as bytes: cutting a byte stream into whole events, reading one, writing one.

Source: the event stream format of the WHATWG HTML standard, §9.2. Line ends are LF, CRLF, or a CR alone, which no
known model server sends: it is looked for only where a chunk has a CR at all. Nothing is rewritten: the events that
come out, put together, are the bytes that went in.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import MAX_EVENT_BYTES

DONE_DATA = b"[DONE]"
DONE_EVENT = b"data: [DONE]\n\n"
FOLD_BYTES = 64 * 1024
_EVENT = re.compile(rb".*?\n\r?\n(?:\r?\n)*", re.DOTALL)
"""One event with the blank line that ends it, and any more blank lines after it."""
_LONE_CR = re.compile(rb"\r[^\n]")
_EVENT_WITH_CR = re.compile(rb".*?(?:\n|\r(?!\n))(?:\r\n|\n|\r)+", re.DOTALL)
"""The same where a CR alone may end a line; slower."""
_END_WITH_CR = re.compile(rb"\n(?:\n|\r\n|\r(?=[^\n]))|\r\r\n?")
"""The end of an event there. What follows a CR behind an LF may be the rest of it, so that is waited for."""
_NAME_BYTES = 100
"""The line of an event's name is shorter than this."""
_LONGEST_CUT_END = 2
"""Of the ends of an event (`\\n\\n`, `\\n\\r\\n`) at most this many bytes may lie in an earlier chunk."""


class EventCutter:
    """Cuts a byte stream into whole events, however the network split it.

    A large event that comes in many chunks is put together once, so its cost is linear. `held` is what came of an
    event that is not whole yet; readers look at it to see that a chunk begins an event.
    """

    __slots__ = ("_lone_cr", "_size", "held")

    def __init__(self) -> None:
        self.held: list[bytes] = []
        self._size = 0
        self._lone_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the events that are whole now; ModelBrokenError when one grows beyond MAX_EVENT_BYTES."""
        tail = b"".join(self.held[-_LONGEST_CUT_END:])[-_LONGEST_CUT_END:]
        window = tail + chunk
        end = (self._last_end(window) if b"\r" in window else _behind(b"\n\n", window)) - len(tail)
        if end <= 0:
            self._hold(chunk)
            return []
        whole = b"".join((*self.held, chunk[:end]))
        self.held, self._size = [], 0
        self._hold(chunk[end:])
        return cut_events(whole, lone_cr=self._lone_cr)

    def _last_end(self, window: bytes) -> int:
        """Return where the last event that is whole ends, in a window that has a CR; 0 where none does."""
        self._lone_cr = self._lone_cr or _LONE_CR.search(window) is not None
        if self._lone_cr:
            return max((match.end() for match in _END_WITH_CR.finditer(window)), default=0)
        end = _behind(b"\n\r\n", window)
        return end if end == len(window) else max(end, _behind(b"\n\n", window))

    def _hold(self, rest: bytes) -> None:
        if rest:
            self.held.append(rest)
            self._size += len(rest)
            if self._size > MAX_EVENT_BYTES:
                raise ModelBrokenError("The model provider sent an event of unbounded size.")

    def rest(self) -> bytes:
        """Take what came after the last whole event, completed to an event; b"" when that is nothing."""
        rest = b"".join(self.held).rstrip(b"\r\n")
        self.held, self._size = [], 0
        return rest + b"\n\n" if rest else b""


def _behind(end: bytes, window: bytes) -> int:
    place = window.rfind(end)
    return place + len(end) if place >= 0 else 0


class Kept:
    """Keeps events until someone asks how much they say; measures them at FOLD_BYTES, so that it never grows.

    Measuring costs more than all else that is done with an event, and is needed only where a provider counts nothing.
    """

    __slots__ = ("_events", "_measure", "_measured", "_size")

    def __init__(self, measure: Callable[[bytes], int]) -> None:
        self._measure = measure
        self._measured = 0
        self._events: list[bytes] = []
        self._size = 0

    def add(self, event: bytes) -> None:
        self._events.append(event)
        self._size += len(event)
        if self._size > FOLD_BYTES:
            self.measured()

    def measured(self) -> int:
        """Return how many bytes all events so far say, by `measure` of the data of each."""
        for event in self._events:
            self._measured += self._measure(read_data(event))
        self._events, self._size = [], 0
        return self._measured


def cut_events(events: bytes, *, lone_cr: bool | None = None) -> list[bytes]:
    """Cut whole events apart; put together they are the same bytes. `lone_cr`: whether a CR alone may end a line."""
    if b"\r" in events:
        lone_cr = _LONE_CR.search(events) is not None if lone_cr is None else lone_cr
        return (_EVENT_WITH_CR if lone_cr else _EVENT).findall(events)
    *whole, rest = events.split(b"\n\n")
    cut = [event + b"\n\n" for event in whole]
    if rest:
        cut[-1] += rest  # a third line end, which belongs to no event
    return cut


def read_data(event: bytes) -> bytes:
    """Return the data of one event; b"" when it has none (a comment, a ping without data)."""
    if event.startswith(b"data: ") and event.find(b"\n") == len(event) - 2:
        return event[6:-2]
    return read_event(event)[1]


def find_nameless_data(chunk: bytes) -> int:
    """Return where the data of a chunk that may be one event without a name begins; 0 when it is not of that shape.

    A cheap guess for the common case: that it is one event shows when all from there on decodes as one JSON text.
    """
    return 6 if chunk.startswith(b"data: {") and chunk.endswith(b"\n\n") else 0


def find_named_data(chunk: bytes) -> int:
    """The same for an event with a name."""
    if not (chunk.startswith(b"event: ") and chunk.endswith(b"\n\n")):
        return 0
    start = chunk.find(b"\ndata: {", 0, _NAME_BYTES)
    return start + 7 if start > 0 else 0


def read_event(event: bytes) -> tuple[bytes, bytes]:
    """Return one event's name, b"" when it has none, and its data, several lines joined by a line feed."""
    name, data = b"", []
    for line in event.splitlines():
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return name, b"\n".join(data)


def write_data(body: Any) -> bytes:
    """Return an event without a name, as the chat format has them."""
    return b"data: %b\n\n" % msgspec.json.encode(body)


def write_event(name: str, body: Any) -> bytes:
    """Return an event with a name, as the other formats have them."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(body))
