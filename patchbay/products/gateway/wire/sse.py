"""Server-sent events as bytes: cutting a byte stream into whole events, reading one, writing one.

Source: the event stream format of the WHATWG HTML standard, §9.2. Line ends are LF or CRLF; a lone CR, which the
standard also allows and no model server sends, is not one here. Nothing is rewritten: the events that come out, put
together, are the bytes that went in.
"""

import re
from typing import Any

import msgspec

from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import MAX_EVENT_BYTES

DONE_DATA = b"[DONE]"
DONE_EVENT = b"data: [DONE]\n\n"
_EVENT = re.compile(rb".*?\n\r?\n(?:\r?\n)*", re.DOTALL)
"""One event with the blank line that ends it, and any more blank lines after it."""
_LONGEST_CUT_END = 2
"""Of the ends of an event (`\\n\\n`, `\\n\\r\\n`) at most this many bytes may lie in an earlier chunk."""


class EventCutter:
    """Cuts a byte stream into whole events, however the network split it.

    The common case, one chunk that is one event, costs one search and copies nothing. A large event that comes in
    many chunks is put together once, so its cost is linear.
    """

    __slots__ = ("_held", "_size")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the events that are whole now; ModelBrokenError when one grows beyond MAX_EVENT_BYTES."""
        if not self._held and chunk.find(b"\n\n") == len(chunk) - 2 and b"\r" not in chunk and len(chunk) > 1:
            return [chunk]
        return self._cut(chunk)

    def _cut(self, chunk: bytes) -> list[bytes]:
        tail = b"".join(self._held[-_LONGEST_CUT_END:])[-_LONGEST_CUT_END:]
        end = _last_end(tail + chunk) - len(tail)
        if end <= 0:
            self._hold(chunk)
            return []
        whole = b"".join((*self._held, chunk[:end]))
        self._held, self._size = [], 0
        self._hold(chunk[end:])
        return _EVENT.findall(whole)

    def _hold(self, rest: bytes) -> None:
        if rest:
            self._held.append(rest)
            self._size += len(rest)
            if self._size > MAX_EVENT_BYTES:
                raise ModelBrokenError("The model provider sent an event of unbounded size.")

    def rest(self) -> bytes:
        """Take what came after the last whole event, completed to an event; b"" when that is nothing."""
        rest = b"".join(self._held).rstrip(b"\r\n")
        self._held, self._size = [], 0
        return rest + b"\n\n" if rest else b""


def _last_end(window: bytes) -> int:
    lf, crlf = window.rfind(b"\n\n"), window.rfind(b"\n\r\n")
    return max(lf + 2 if lf >= 0 else 0, crlf + 3 if crlf >= 0 else 0)


def cut_events(events: bytes) -> list[bytes]:
    """Cut whole events apart."""
    return _EVENT.findall(events)


def read_data(event: bytes) -> bytes:
    """Return the data of one event; b"" when it has none (a comment, a ping without data)."""
    if event.startswith(b"data: ") and event.find(b"\n") == len(event) - 2:
        return event[6:-2]
    return read_event(event)[1]


def read_event(event: bytes) -> tuple[bytes, bytes]:
    """Return one event's name, b"" when it has none, and its data, several lines joined by a line feed."""
    name, data = b"", []
    for line in event.replace(b"\r\n", b"\n").split(b"\n"):
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
