"""A parser of server-sent events (WHATWG HTML §9.2.6), fed with bytes as they arrive."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class ServerSentEvent:
    """One dispatched event; `event` is `message` where the server named none."""

    event: str
    data: str


class SSEParser:
    """Cuts a byte stream into events, however it was split into chunks: inside a character, a CRLF, a line.

    An event that the stream's end leaves without its blank line is dropped, as the standard says.
    """

    def __init__(self) -> None:
        # "utf-8-sig" takes the one byte order mark that the standard allows at the start.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._partial: list[str] = []  # pieces of a line whose end has not come yet
        self._after_cr = False  # the last line ended in CR: a LF that follows belongs to it
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """The events that `chunk` completes."""
        for line in self._lines(self._decoder.decode(chunk)):
            if line:
                self._field(line)
            elif (event := self._dispatch()) is not None:
                yield event

    def _lines(self, text: str) -> Iterator[str]:
        if self._after_cr and text:
            self._after_cr = False
            text = text.removeprefix("\n")
        if not text:
            return
        self._after_cr = text.endswith("\r")
        *whole, rest = _LINE_END.split(text)
        for line in whole:
            yield "".join(self._partial) + line
            self._partial.clear()
        if rest:
            self._partial.append(rest)

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        # A comment has an empty name; `id` and `retry` serve reconnection, which a paid question never does.

    def _dispatch(self) -> ServerSentEvent | None:
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        return ServerSentEvent(event, "\n".join(data)) if data else None
