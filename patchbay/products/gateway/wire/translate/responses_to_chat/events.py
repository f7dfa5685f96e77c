"""A chat stream as a responses stream.

One item is open at a time: it is added with the first delta of its kind and done when another begins or the choice
finishes. Every event has the next sequence number; the last carries the whole response.
"""

from collections.abc import Sequence
from typing import Any

from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Asked, Body, TokenUsage
from patchbay.products.gateway.wire.sse import write_event
from patchbay.products.gateway.wire.translate.chat_events import FromChatEvents
from patchbay.products.gateway.wire.translate.fields import said_by
from patchbay.products.gateway.wire.translate.responses_to_chat.answer import Names, response_of
from patchbay.products.gateway.wire.translate.responses_to_chat.open_items import (
    OpenCall,
    OpenItem,
    OpenReasoning,
    OpenRefusal,
    OpenText,
)
from patchbay.products.gateway.wire.translate.tool_calls import Piece, ToolCalls

_PING = b": ping\n\n"


class ResponsesEvents(FromChatEvents):
    """See `EventTranslator`."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._names = Names(asked)
        self._sequence = 0
        self._output: list[Body] = []
        self._open: OpenItem | None = None
        self._calls = ToolCalls()
        self._finish_reason: str | None = None

    def final(self, events: bytes, usage: TokenUsage) -> bytes:
        """Return the last events: what is still open is done, then the whole response."""
        said = self.feed(events) + self._begin() + self._end_calls() + self._close()
        response = response_of(self._asked, self._output, finish_reason=self._finish_reason, usage=usage)
        return said + self._write([(f"response.{response['status']}", {"response": response})])

    def _keep_alive(self) -> bytes:
        return _PING

    def _opening(self) -> bytes:
        response = response_of(self._asked, [], status="in_progress")
        return self._write(
            [("response.created", {"response": response}), ("response.in_progress", {"response": response})]
        )

    def _translate_choice(self, choice: Body) -> bytes:
        delta = choice.get("delta") or {}
        said = b""
        text, refusal, thought = said_by(delta)
        if thought:
            said += self._add(OpenReasoning, thought)
        if blocks := delta.get("thinking_blocks"):
            said += self._add(OpenReasoning, "", blocks)
        if text:
            said += self._add(OpenText, text)
        if refusal:
            said += self._add(OpenRefusal, refusal)
        for call in delta.get("tool_calls") or ():
            said += b"".join([self._add_call(piece) for piece in self._calls.take(call)])
        if choice.get("finish_reason"):
            self._finish_reason = choice["finish_reason"]
            said += self._end_calls() + self._close()
        return said

    def _add(
        self,
        kind: type[OpenReasoning] | type[OpenText] | type[OpenRefusal],
        text: str,
        thought: Sequence[Body] = (),
    ) -> bytes:
        said, item = b"", self._open
        if not isinstance(item, kind):
            said = self._close()
            self._open = item = kind(self._names, len(self._output))
            said += self._write(item.begin())
        if isinstance(item, OpenReasoning):
            item.blocks += thought
        return said + (self._write(item.go_on(text)) if text else b"")

    def _add_call(self, piece: Piece) -> bytes:
        said = b""
        if piece.begins:
            said = self._close()
            self._open = OpenCall(self._names, len(self._output), piece.id, piece.name)
            said += self._write(self._open.begin())
        elif not isinstance(self._open, OpenCall):
            raise ModelBrokenError("The model provider went on with a tool call after something else.")
        return said + (self._write(self._open.go_on(piece.arguments)) if piece.arguments else b"")

    def _end_calls(self) -> bytes:
        return b"".join([self._add_call(piece) for piece in self._calls.rest()])

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        opened, self._open = self._open, None
        said = self._write(opened.end())
        self._output.append(opened.item())
        return said

    def _write(self, events: list[tuple[str, dict[str, Any]]]) -> bytes:
        said = b""
        for name, body in events:
            said += write_event(name, {"type": name, "sequence_number": self._sequence, **body})
            self._sequence += 1
        return said
