"""A chat stream read event by event, as every translation of one does."""

from abc import ABC, abstractmethod

from patchbay.products.gateway.wire.contracts import Asked, Body
from patchbay.products.gateway.wire.reading import read_answer_body
from patchbay.products.gateway.wire.sse import DONE_DATA, cut_events, read_data


class FromChatEvents(ABC):
    """The part of an `EventTranslator` that is the same whatever a chat stream is translated to.

    Of several choices the first is told: the other formats have no more.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._begun = False

    def feed(self, events: bytes) -> bytes:
        """Translate whole events of a chat stream."""
        return b"".join([self._translate(event) for event in cut_events(events)])

    def _translate(self, event: bytes) -> bytes:
        data = read_data(event)
        if not data:
            return self._keep_alive()
        if data == DONE_DATA:
            return b""
        chunk = read_answer_body(data)
        said = self._begin()
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) == 0:
                said += self._translate_choice(choice)
        return said

    def _begin(self) -> bytes:
        """Return what opens the stream, the first time."""
        if self._begun:
            return b""
        self._begun = True
        return self._opening()

    @abstractmethod
    def _keep_alive(self) -> bytes:
        """Return what an event without data becomes."""

    @abstractmethod
    def _opening(self) -> bytes:
        """Return the events that open the stream."""

    @abstractmethod
    def _translate_choice(self, choice: Body) -> bytes:
        """Return the events that a choice's delta becomes."""
