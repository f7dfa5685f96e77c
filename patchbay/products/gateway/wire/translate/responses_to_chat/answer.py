"""A chat completion as a response, and the pieces of a response that a stream shows too."""

from typing import Any

from patchbay.products.gateway.wire.contracts import Asked, Body, TokenUsage
from patchbay.products.gateway.wire.translate.counts import as_responses
from patchbay.products.gateway.wire.translate.fields import said_by
from patchbay.products.gateway.wire.translate.responses_to_chat.thought import pack_thought

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def translate_answer(answer: Body, asked: Asked, usage: TokenUsage) -> Body:
    """Return the response."""
    choice = answer["choices"][0]
    message = choice["message"]
    names = Names(asked)
    output = []
    text, refusal, thought = said_by(message)
    if thought or message.get("thinking_blocks"):
        output.append(reasoning_item(names.next("rs"), thought, message.get("thinking_blocks") or []))
    if text:
        output.append(message_item(names.next("msg"), [text_part(text)]))
    if refusal:
        output.append(message_item(names.next("msg"), [refusal_part(refusal)]))
    for call in message.get("tool_calls") or ():
        name, function = names.next("fc"), call["function"]
        output.append(call_item(name, call.get("id") or name, function["name"], function.get("arguments") or ""))
    return response_of(asked, output, finish_reason=choice.get("finish_reason"), usage=usage)


class Names:
    """Names a response's items by its own id, in their order."""

    def __init__(self, asked: Asked) -> None:
        self._base = asked.answer_id.removeprefix("resp_")
        self._count = 0

    def next(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._base}_{self._count - 1}"


def text_part(text: str) -> Body:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def refusal_part(refusal: str) -> Body:
    return {"type": "refusal", "refusal": refusal}


def message_item(name: str, content: list[Body], status: str = "completed") -> Body:
    return {"id": name, "type": "message", "status": status, "role": "assistant", "content": content}


def call_item(name: str, call_id: str, function: str, arguments: str, status: str = "completed") -> Body:
    return {
        "id": name,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": function,
        "arguments": arguments,
    }


def reasoning_item(name: str, thought: str, blocks: list[Body]) -> Body:
    item: Body = {"id": name, "type": "reasoning", "summary": [summary_part(thought)] if thought else []}
    if blocks:
        item["encrypted_content"] = pack_thought(blocks)
    return item


def summary_part(text: str) -> Body:
    return {"type": "summary_text", "text": text}


def response_of(
    asked: Asked,
    output: list[Body],
    *,
    finish_reason: Any = None,
    usage: TokenUsage | None = None,
    status: str | None = None,
) -> Body:
    """Return a response that repeats its request as OpenAI does; without `status` it has ended, and says its usage."""
    request = asked.request
    why = _INCOMPLETE.get(finish_reason)
    return {
        "id": asked.answer_id,
        "object": "response",
        "created_at": asked.created,
        "status": status or ("incomplete" if why else "completed"),
        "background": False,
        "error": None,
        "incomplete_details": {"reason": why} if why else None,
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "model": asked.model,
        "output": output,
        "parallel_tool_calls": request.get("parallel_tool_calls") is not False,
        "previous_response_id": None,
        "reasoning": {"effort": (request.get("reasoning") or {}).get("effort"), "summary": None},
        "store": False,
        "temperature": request.get("temperature"),
        "text": {"format": (request.get("text") or {}).get("format") or {"type": "text"}},
        "tool_choice": request.get("tool_choice") or "auto",
        "tools": [{"parameters": None, "strict": None, **tool} for tool in request.get("tools") or ()],
        "top_p": request.get("top_p"),
        "truncation": "disabled",
        "usage": None if usage is None else as_responses(usage),
        "user": request.get("user"),
        "metadata": request.get("metadata") or {},
    }
