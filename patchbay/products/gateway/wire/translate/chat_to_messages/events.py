"""A messages stream as a chat stream.

The role comes first, then each delta as it comes, a tool call with its id and name before its arguments, the finish
reason, the usage if the client asked for it, and `[DONE]`.
"""

from typing import Any

from patchbay.products.gateway.wire.contracts import Asked, Body, TokenUsage
from patchbay.products.gateway.wire.reading import read_answer_body
from patchbay.products.gateway.wire.sse import DONE_EVENT, cut_events, read_data, write_data
from patchbay.products.gateway.wire.translate.chat_to_messages.answer import THOUGHTS, finish_reason
from patchbay.products.gateway.wire.translate.counts import as_chat
from patchbay.products.gateway.wire.translate.fields import write_arguments

_PING = b": ping\n\n"


class ChatEvents:
    """See `EventTranslator`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._block: Body = {}
        self._calls = 0
        self._thoughts = 0
        self._has_arguments = False

    def feed(self, events: bytes) -> bytes:
        """Translate whole events of a messages stream."""
        return b"".join([self._translate(event) for event in cut_events(events)])

    def final(self, events: bytes, usage: TokenUsage) -> bytes:
        """Return the last events; `message_stop` itself says nothing."""
        said = self.feed(events)
        if self._asked.include_usage:
            said += write_data(self._chunk([], usage=as_chat(usage)))
        return said + DONE_EVENT

    def _translate(self, event: bytes) -> bytes:
        data = read_data(event)
        if not data:
            return b""
        body = read_answer_body(data)
        match body.get("type"):
            case "message_start":
                return self._delta({"role": "assistant", "content": "", "refusal": None})
            case "content_block_start":
                return self._begin(body["content_block"])
            case "content_block_delta":
                return self._go_on(body["delta"])
            case "content_block_stop":
                return self._end()
            case "message_delta":
                return self._finish(body.get("delta") or {})
            case "ping":
                return _PING
        return b""

    def _begin(self, block: Body) -> bytes:
        self._block = dict(block)
        if block["type"] == "text" and block.get("text"):
            return self._delta({"content": block["text"]})
        if block["type"] == "thinking" and block.get("thinking"):
            return self._delta({"reasoning_content": block["thinking"]})
        if block["type"] != "tool_use":
            return b""
        arguments = write_arguments(block["input"]) if block.get("input") else ""
        self._has_arguments = bool(arguments)
        self._calls += 1
        return self._call(
            {"id": block["id"], "type": "function", "function": {"name": block["name"], "arguments": arguments}}
        )

    def _go_on(self, delta: Body) -> bytes:
        match delta["type"]:
            case "text_delta":
                return self._delta({"content": delta["text"]})
            case "thinking_delta":
                self._block["thinking"] = self._block.get("thinking", "") + delta["thinking"]
                return self._delta({"reasoning_content": delta["thinking"]})
            case "signature_delta":
                self._block["signature"] = delta["signature"]
            case "input_json_delta" if delta["partial_json"] and self._block.get("type") == "tool_use":
                self._has_arguments = True
                return self._call({"function": {"arguments": delta["partial_json"]}})
        return b""

    def _end(self) -> bytes:
        """A thought goes on whole, with its signature, indexed as SDKs want lists; a tool without arguments gets {}."""
        block, self._block = self._block, {}
        if block.get("type") in THOUGHTS:
            self._thoughts += 1
            return self._delta({"thinking_blocks": [{"index": self._thoughts - 1, **block}]})
        if block.get("type") == "tool_use" and not self._has_arguments:
            return self._call({"function": {"arguments": "{}"}})
        return b""

    def _finish(self, delta: Body) -> bytes:
        if delta.get("stop_reason") is None:
            return b""
        return self._delta({}, finish=finish_reason(delta["stop_reason"]))

    def _call(self, call: Body) -> bytes:
        return self._delta({"tool_calls": [{"index": self._calls - 1, **call}]})

    def _delta(self, delta: Body, *, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return write_data(self._chunk([choice], usage=None))

    def _chunk(self, choices: list[Body], *, usage: Body | None) -> dict[str, Any]:
        chunk: Body = {
            "id": self._asked.answer_id,
            "object": "chat.completion.chunk",
            "created": self._asked.created,
            "model": self._asked.model,
            "choices": choices,
        }
        if self._asked.include_usage:
            chunk["usage"] = usage
        return chunk
