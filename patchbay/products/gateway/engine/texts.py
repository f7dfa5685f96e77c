"""The text in a stream of chat events, for a caller of this process."""

from collections.abc import Iterator
from typing import Any

import msgspec

from patchbay.products.gateway.wire.chat_content import read_content
from patchbay.products.gateway.wire.sse import DONE_DATA, cut_events, read_data


class _Delta(msgspec.Struct):
    content: Any = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []


_decode = msgspec.json.Decoder(_Chunk).decode


class Texts:
    """Reads the text of a stream; `cut` says that the model was stopped by its output limit."""

    def __init__(self) -> None:
        self.cut = False

    def read(self, events: bytes) -> Iterator[str]:
        """Yield the text of each whole event."""
        for event in cut_events(events):
            if (data := read_data(event)) and data != DONE_DATA:
                for choice in _decode(data).choices:
                    if choice.finish_reason == "length":
                        self.cut = True
                    if choice.delta is not None and (text := read_content(choice.delta.content).text):
                        yield text
