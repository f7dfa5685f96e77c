"""The deltas of a chat's tool calls, brought in order: one call after the other, as formats with one open item want it.

Chat servers name a call by `index` and give its id once; some give every call the same index or none, and tell them
apart by their ids; some write several calls at once. What comes of a later call while an earlier one is not whole
waits for that one's end.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Body

MAX_CALLS = 256


class Piece(NamedTuple):
    """More of the arguments of call `number`, which begins with this piece if `begins`; `id` is None without one."""

    number: int
    begins: bool
    id: str | None
    name: str
    arguments: str


class _Call:
    def __init__(self, number: int, index: Any, id: str | None, name: str) -> None:
        self.number, self.index, self.id, self.name = number, index, id, name
        self.pieces: list[str] = []
        self.begun = False
        self.told = 0
        """How many of the pieces have gone on."""

    @property
    def is_whole(self) -> bool:
        """Whether its arguments are a JSON text; those of a call without any may be yet to come."""
        try:
            msgspec.json.decode("".join(self.pieces))
        except (msgspec.DecodeError, RecursionError):
            return False
        return True

    def tell(self) -> Iterator[Piece]:
        """Give out what has not gone on yet."""
        if not self.begun or self.told < len(self.pieces):
            yield Piece(self.number, not self.begun, self.id, self.name, "".join(self.pieces[self.told :]))
        self.begun, self.told = True, len(self.pieces)


class ToolCalls:
    """The calls of one answer, in the order in which they began."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._first = 0
        """The number of the call that goes on; those before it have ended, those behind it wait."""

    def __len__(self) -> int:
        return len(self._calls)

    def take(self, delta: Body) -> list[Piece]:
        """Take one delta; returns what may go on now. ModelBrokenError for one that belongs to no call any more."""
        function = delta.get("function") or {}
        call = self._find(delta.get("index"), delta.get("id") or None, function.get("name"))
        if more := function.get("arguments"):
            if call.number < self._first:
                raise ModelBrokenError("The model provider wrote to a tool call that had ended.")
            call.pieces.append(more)
        return list(call.tell()) if call.number == self._first else []

    def rest(self) -> list[Piece]:
        """Return what still waits: no more comes of these calls."""
        waiting = self._calls[self._first :]
        self._first = len(self._calls)
        return [piece for call in waiting for piece in call.tell()]

    def _find(self, index: Any, id: str | None, name: str | None) -> _Call:
        """Return whose delta it is: by its id, else by its place; a name makes a new call of one that is in neither."""
        known = [call for call in reversed(self._calls) if index is None or call.index == index]
        same = next((call for call in known if id and call.id == id), None)
        if same is None and known and (not name or (id is None and index is not None)):
            same = known[0]
        return same or self._begin(index, id, name)

    def _begin(self, index: Any, id: str | None, name: str | None) -> _Call:
        if not name:
            raise ModelBrokenError("The model provider called a tool without its name.")
        if len(self._calls) >= MAX_CALLS:
            raise ModelBrokenError("The model provider called too many tools at once.")
        if self._first == len(self._calls) - 1 and self._calls[-1].is_whole:
            self._first += 1
        self._calls.append(_Call(len(self._calls), index, id, name))
        return self._calls[-1]
