"""OpenAI's responses: a call understood, an answer written whole or as a stream."""

from itertools import count
from typing import Any

from tests.fakes.vendors.answers import Answer, event, whole
from tests.fakes.vendors.model import Asked, Reply, ToolCall, cut, think
from tests.fakes.vendors.openai_chat import USAGE

Body = dict[str, Any]


def answer(body: Body, reply: Reply | None = None) -> Answer:
    """Answer by what the call says, or by a reply given."""
    reply = reply or think(understand(body))
    if not body.get("stream"):
        return whole(_response(body, reply), x_request_id="req_upstream_2")
    return Answer(events=tuple(_events(body, reply)), headers={"x-request-id": "req_upstream_2"})


def understand(body: Body) -> Asked:
    asked = Asked(
        system=body.get("instructions") or "",
        tools={tool["name"]: tool["parameters"] for tool in body.get("tools") or () if tool["type"] == "function"},
        parallel=body.get("parallel_tool_calls", True),
        limit=body.get("max_output_tokens"),
    )
    choice = body.get("tool_choice")
    if choice == "none":
        asked.tools = {}
    elif isinstance(choice, dict) and choice["type"] == "function":
        asked.forced = choice["name"]
    form = (body.get("text") or {}).get("format") or {"type": "text"}
    if form["type"] == "json_schema":
        asked.schema = form["schema"]
    items = body["input"]
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        _hear(asked, item)
    return asked


def _hear(asked: Asked, item: Body) -> None:
    kind = item.get("type", "message")
    if kind == "function_call_output":
        asked.results[item["call_id"]] = item["output"]
    if kind != "message":
        return
    parts = item["content"]
    if isinstance(parts, str):
        parts = [{"type": "input_text", "text": parts}]
    text = "".join(part["text"] for part in parts if part["type"] in ("input_text", "output_text"))
    if item["role"] in ("system", "developer"):
        asked.system += text
        return
    asked.texts += [text] if text else []
    asked.images += [part["image_url"] for part in parts if part["type"] == "input_image"]


def _output(reply: Reply, status: str = "completed") -> list[Body]:
    items: list[Body] = [_call(call, status) for call in reply.calls]
    if reply.text:
        part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        items.insert(0, {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": [part]})
    return items


def _call(call: ToolCall, status: str) -> Body:
    return {
        "id": f"fc_{call.id}",
        "type": "function_call",
        "status": status,
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }


def _response(body: Body, reply: Reply | None) -> Body:
    """The response object; without a reply, as it stands when its stream begins."""
    short = reply is not None and reply.ending == "length"
    return {
        "id": "resp_upstream",
        "object": "response",
        "created_at": 1790000000,
        "status": "in_progress" if reply is None else "incomplete" if short else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if short else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": {},
        "store": body.get("store", True),
        "model": body["model"],
        "output": _output(reply) if reply else [],
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "temperature": 1.0,
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "text": body.get("text") or {"format": {"type": "text"}},
        "usage": None
        if reply is None
        else {
            "input_tokens": USAGE.prompt,
            "input_tokens_details": {"cached_tokens": USAGE.cached},
            "output_tokens": USAGE.completion,
            "output_tokens_details": {"reasoning_tokens": USAGE.reasoning},
            "total_tokens": USAGE.prompt + USAGE.completion,
        },
    }


def _events(body: Body, reply: Reply) -> list[bytes]:
    numbers = count()

    def said(kind: str, **fields: Any) -> bytes:
        return event({"type": kind, "sequence_number": next(numbers), **fields}, kind)

    begun = _response(body, None)
    events = [said("response.created", response=begun), said("response.in_progress", response=begun)]
    for index, item in enumerate(_output(reply)):
        emptied = item | ({"content": []} if item["type"] == "message" else {"arguments": ""})
        events.append(said("response.output_item.added", output_index=index, item=emptied | {"status": "in_progress"}))
        where = {"output_index": index, "item_id": item["id"]}
        if item["type"] == "message":
            events += _text_events(said, where | {"content_index": 0}, item["content"][0])
        else:
            events += [
                said("response.function_call_arguments.delta", **where, delta=piece) for piece in cut(item["arguments"])
            ]
            events.append(
                said("response.function_call_arguments.done", **where, name=item["name"], arguments=item["arguments"])
            )
        events.append(said("response.output_item.done", output_index=index, item=item))
    ending = "response.incomplete" if reply.ending == "length" else "response.completed"
    return [*events, said(ending, response=_response(body, reply))]


def _text_events(said: Any, where: Body, part: Body) -> list[bytes]:
    return [
        said("response.content_part.added", **where, part=part | {"text": ""}),
        *(said("response.output_text.delta", **where, delta=piece, logprobs=[]) for piece in cut(part["text"])),
        said("response.output_text.done", **where, text=part["text"], logprobs=[]),
        said("response.content_part.done", **where, part=part),
    ]
