"""A messages answer as a chat completion.

Thinking stands in `reasoning_content`, as many servers have it, and with its signatures in `thinking_blocks`: a client
that sends an assistant message back as it came gives Anthropic its thought back unchanged. Blocks of tools that the
provider ran have no place in a chat and are left out; their text is there.
"""

from typing import Any

from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Asked, Body, TokenUsage
from patchbay.products.gateway.wire.translate.counts import as_chat
from patchbay.products.gateway.wire.translate.fields import write_arguments

_FINISH = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
THOUGHTS = ("thinking", "redacted_thinking")


def translate_answer(answer: Body, asked: Asked, usage: TokenUsage) -> Body:
    """Return the chat completion."""
    blocks = answer.get("content")
    if not isinstance(blocks, list):
        raise ModelBrokenError("The model provider sent an answer without content.")
    message: Body = {"role": "assistant", "content": None, "refusal": None}
    texts = [block["text"] for block in blocks if block.get("type") == "text"]
    if texts:
        message["content"] = "".join(texts)
    thoughts = [block for block in blocks if block.get("type") in THOUGHTS]
    if thoughts:
        message["reasoning_content"] = "".join(block.get("thinking", "") for block in thoughts)
        message["thinking_blocks"] = thoughts
    calls = [_tool_call(block) for block in blocks if block.get("type") == "tool_use"]
    if calls:
        message["tool_calls"] = calls
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish_reason(answer.get("stop_reason")),
    }
    return {
        "id": asked.answer_id,
        "object": "chat.completion",
        "created": asked.created,
        "model": asked.model,
        "choices": [choice],
        "usage": as_chat(usage),
    }


def _tool_call(block: Body) -> Body:
    function = {"name": block["name"], "arguments": write_arguments(block.get("input") or {})}
    return {"id": block["id"], "type": "function", "function": function}


def finish_reason(stop_reason: Any) -> str:
    """Return why the answer ended, in the chat's words; `stop` for what it has no word for."""
    return _FINISH.get(stop_reason, "stop")
