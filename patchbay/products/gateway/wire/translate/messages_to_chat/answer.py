"""A chat completion as a messages answer."""

from typing import Any

import msgspec

from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Asked, Body, TokenUsage
from patchbay.products.gateway.wire.translate.counts import as_messages
from patchbay.products.gateway.wire.translate.fields import said_by, thoughts_of

_STOP_REASONS = {
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def translate_answer(answer: Body, asked: Asked, usage: TokenUsage) -> Body:
    """Return the message."""
    choice = answer["choices"][0]
    message = choice["message"]
    said = said_by(message)
    content = _thoughts(message, said.thought)
    if text := said.text + said.refusal:
        content.append({"type": "text", "text": text})
    calls = message.get("tool_calls") or []
    cut = choice.get("finish_reason") == "length"
    content += [_tool_use(call, asked, index, cut=cut) for index, call in enumerate(calls)]
    return message_of(
        asked,
        content=content,
        stop_reason=stop_reason(choice.get("finish_reason"), called=bool(calls)),
        stop_sequence=stop_sequence(choice),
        usage=usage,
    )


def message_of(
    asked: Asked, *, content: list[Body], stop_reason: str | None, stop_sequence: str | None, usage: TokenUsage
) -> Body:
    """Return a message, whole or as `message_start` has it."""
    return {
        "id": asked.answer_id,
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
        "usage": as_messages(usage),
    }


def _thoughts(message: Body, thought: str) -> list[Body]:
    """Return what the model thought as blocks; only Anthropic's own have a signature."""
    if blocks := message.get("thinking_blocks"):
        return thoughts_of(blocks)
    return [{"type": "thinking", "thinking": thought, "signature": ""}] if thought else []


def _tool_use(call: Body, asked: Asked, index: int, *, cut: bool) -> Body:
    function = call["function"]
    try:
        given: Any = msgspec.json.decode(function.get("arguments") or "{}")
    except (msgspec.DecodeError, RecursionError) as error:
        if not cut:
            raise ModelBrokenError("The model wrote arguments of a tool call that are no JSON.") from error
        given = {}  # the limit cut them off: `stop_reason` says so
    return {"type": "tool_use", "id": call.get("id") or tool_id(asked, index), "name": function["name"], "input": given}


def tool_id(asked: Asked, index: int) -> str:
    """Name a call that its server left without a name."""
    return f"toolu_{asked.answer_id}_{index}"


def stop_reason(finish_reason: Any, *, called: bool) -> str:
    """Return why the answer ended, in Anthropic's words; some servers say `stop` after a tool call too."""
    if called and finish_reason == "stop":
        return "tool_use"
    return _STOP_REASONS.get(finish_reason, "end_turn")


def stop_sequence(choice: Body) -> str | None:
    """Return the stop sequence that ended the answer, where a server tells it (vLLM does, as `stop_reason`)."""
    told = choice.get("stop_reason")
    return told if isinstance(told, str) and choice.get("finish_reason") == "stop" else None
