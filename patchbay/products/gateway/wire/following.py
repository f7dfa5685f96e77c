"""Following a stream of events of any format: each is read for what it means, and goes on as it came."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.reading import UNREADABLE, decode_answer
from patchbay.products.gateway.wire.sse import EventCutter, Kept, read_data

E = TypeVar("E")
U = TypeVar("U", bound=msgspec.Struct)


class EventReader(ABC, Generic[E]):
    """Fulfils `StreamReader` but for `usage` and `stored`; what an event means is `_pass`'s to say.

    `find` says where the data of a chunk begins that may be one event, `decoder` reads such data, `measure` says how
    many bytes it speaks. The event that ends the answer goes into `_end`.
    """

    __slots__ = ("_cutter", "_decoder", "_final", "_find", "_kept", "ended")

    def __init__(
        self, find: Callable[[bytes], int], decoder: msgspec.json.Decoder[E], measure: Callable[[bytes], int]
    ) -> None:
        self.ended = False
        self._find = find
        self._decoder = decoder
        self._cutter = EventCutter()
        self._kept = Kept(measure)
        self._final = b""

    @abstractmethod
    def _pass(self, event: bytes, said: E) -> bytes:
        """Take note of what an event says; return what may go on of it."""

    def feed(self, chunk: bytes) -> bytes:
        """Return the events that may go on, as they came. Mostly a chunk is one event: then it is not cut."""
        if (start := self._find(chunk)) and not self._cutter.held and not self.ended:
            try:
                said = self._decoder.decode(chunk[start:])
            except UNREADABLE:
                pass  # several events, or one that is broken: the long way tells
            else:
                return self._pass(chunk, said)
        return b"".join([self._follow(event) for event in self._cutter.feed(chunk)])

    def stop(self) -> None:
        """Read a last event that lacked its blank line."""
        if rest := self._cutter.rest():
            self._final = self._follow(rest) + self._final

    def final(self) -> bytes:
        return self._final

    def produced_bytes(self) -> int:
        return self._kept.measured()

    def _follow(self, event: bytes) -> bytes:
        if self.ended:
            return b""
        data = read_data(event)
        if not data:
            return event
        return self._read(event, data)

    def _read(self, event: bytes, data: bytes) -> bytes:
        return self._pass(event, decode_answer(self._decoder, data))

    def _end(self, event: bytes) -> bytes:
        """Keep the event that ends the answer back, until it is paid for."""
        self.ended = True
        self._final = event
        return b""


def later(before: U | None, now: U) -> U:
    """Return the newer of two counts of one stream: it is cumulative, and leaves out what has not changed."""
    if before is None:
        return now
    for name in now.__struct_fields__:
        if (value := getattr(now, name)) is not None:
            setattr(before, name, value)
    return before


def failed() -> ModelBrokenError:
    """The provider said in its stream that it failed: nothing is paid for, and the client is told in our words."""
    return ModelBrokenError("The model provider reported a failure in the midst of its answer.")
