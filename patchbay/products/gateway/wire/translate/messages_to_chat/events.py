"""A chat stream as a messages stream.

One block is open at a time: it begins with the first delta of its kind and ends when another begins or the choice
finishes. Why and after how many tokens the answer ended is told last, since a chat counts in its last event.
"""

from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Asked, Body, TokenUsage
from patchbay.products.gateway.wire.sse import write_event
from patchbay.products.gateway.wire.translate.chat_events import FromChatEvents
from patchbay.products.gateway.wire.translate.counts import as_messages
from patchbay.products.gateway.wire.translate.fields import said_by, thoughts_of
from patchbay.products.gateway.wire.translate.messages_to_chat.answer import (
    message_of,
    stop_reason,
    stop_sequence,
    tool_id,
)
from patchbay.products.gateway.wire.translate.tool_calls import Piece, ToolCalls

_PING = write_event("ping", {"type": "ping"})
_NOT_YET = TokenUsage(0, 0)
"""What a message begins with, which must say a count."""


class MessagesEvents(FromChatEvents):
    """See `EventTranslator`."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._open: tuple[str, int] | None = None
        self._calls = ToolCalls()
        self._blocks = 0
        self._ended_by: str | None = None
        self._stop_sequence: str | None = None

    def final(self, events: bytes, usage: TokenUsage) -> bytes:
        """Return the last events: what is still open ends, then come reason and count, then `message_stop`."""
        said = self.feed(events) + self._begin() + self._end_calls() + self._close()
        delta = {
            "stop_reason": stop_reason(self._ended_by, called=bool(self._calls)),
            "stop_sequence": self._stop_sequence,
        }
        last = {"type": "message_delta", "delta": delta, "usage": as_messages(usage)}
        return said + write_event("message_delta", last) + write_event("message_stop", {"type": "message_stop"})

    def _keep_alive(self) -> bytes:
        return _PING if self._begun else b""

    def _opening(self) -> bytes:
        message = message_of(self._asked, content=[], stop_reason=None, stop_sequence=None, usage=_NOT_YET)
        return write_event("message_start", {"type": "message_start", "message": message})

    def _translate_choice(self, choice: Body) -> bytes:
        delta = choice.get("delta") or {}
        told = said_by(delta)
        said = self._think(delta, told.thought)
        if text := told.text + told.refusal:
            said += self._switch("text", 0, {"type": "text", "text": ""})
            said += self._delta({"type": "text_delta", "text": text})
        for call in delta.get("tool_calls") or ():
            said += b"".join([self._call(piece) for piece in self._calls.take(call)])
        if choice.get("finish_reason"):
            self._ended_by = choice["finish_reason"]
            self._stop_sequence = stop_sequence(choice)
            said += self._end_calls() + self._close()
        return said

    def _think(self, delta: Body, thought: str) -> bytes:
        """Thoughts with a signature come whole, after their text has come: then only the signature is new."""
        said = b""
        if thought:
            said += self._switch("thinking", 0, {"type": "thinking", "thinking": "", "signature": ""})
            said += self._delta({"type": "thinking_delta", "thinking": thought})
        for block in thoughts_of(delta.get("thinking_blocks") or []):
            if block.get("type") == "thinking" and self._open == ("thinking", 0):
                said += (
                    self._delta({"type": "signature_delta", "signature": block.get("signature", "")}) + self._close()
                )
            elif block.get("type") == "redacted_thinking":
                said += self._switch("redacted_thinking", self._blocks, block) + self._close()
        return said

    def _call(self, piece: Piece) -> bytes:
        said = b""
        if piece.begins:
            name = piece.id or tool_id(self._asked, piece.number)
            block = {"type": "tool_use", "id": name, "name": piece.name, "input": {}}
            said = self._switch("tool", piece.number, block)
        elif self._open != ("tool", piece.number):
            raise ModelBrokenError("The model provider went on with a tool call after something else.")
        if piece.arguments:
            said += self._delta({"type": "input_json_delta", "partial_json": piece.arguments})
        return said

    def _end_calls(self) -> bytes:
        return b"".join([self._call(piece) for piece in self._calls.rest()])

    def _switch(self, kind: str, index: int, block: Body) -> bytes:
        if self._open == (kind, index):
            return b""
        said = self._close()
        self._open = (kind, index)
        start = {"type": "content_block_start", "index": self._blocks, "content_block": block}
        return said + write_event("content_block_start", start)

    def _delta(self, delta: Body) -> bytes:
        body = {"type": "content_block_delta", "index": self._blocks, "delta": delta}
        return write_event("content_block_delta", body)

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        self._blocks += 1
        return write_event("content_block_stop", {"type": "content_block_stop", "index": self._blocks - 1})
