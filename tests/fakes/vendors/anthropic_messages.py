"""Anthropic's messages: a call understood, an answer written whole or as a stream of its events."""

import json
from typing import Any

from tests.fakes.vendors.answers import Answer, encode, event, whole
from tests.fakes.vendors.model import Asked, Reply, cut, think
from tests.fakes.vendors.openai_chat import USAGE

Body = dict[str, Any]


def answer(body: Body, reply: Reply | None = None) -> Answer:
    """Answer by what the call says, or by a reply given."""
    reply = reply or think(understand(body))
    if not body.get("stream"):
        return whole(_message(body, reply), request_id="req_upstream_3")
    return Answer(events=tuple(_events(body, reply)), headers={"request-id": "req_upstream_3"})


def count_tokens(body: Body) -> Answer:
    return whole({"input_tokens": len(json.dumps(body["messages"]).split())})


def models(names: list[str]) -> Answer:
    data = [
        {"type": "model", "id": name, "display_name": name.title(), "created_at": "2026-01-05T00:00:00Z"}
        for name in names
    ]
    return whole({"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]})


def understand(body: Body) -> Asked:
    system = body.get("system") or ""
    choice = body.get("tool_choice") or {"type": "auto"}
    asked = Asked(
        system=system if isinstance(system, str) else "".join(block["text"] for block in system),
        tools={tool["name"]: tool["input_schema"] for tool in body.get("tools") or () if choice["type"] != "none"},
        forced=choice.get("name", ""),
        parallel=not choice.get("disable_parallel_tool_use", False),
        schema=((body.get("output_config") or {}).get("format") or {}).get("schema"),
        stops=body.get("stop_sequences") or [],
        limit=body["max_tokens"],
        thinks=(body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
    )
    for message in body["messages"]:
        parts = message["content"]
        _hear(asked, [{"type": "text", "text": parts}] if isinstance(parts, str) else parts)
    return asked


def _hear(asked: Asked, blocks: list[Body]) -> None:
    text = "".join(block["text"] for block in blocks if block["type"] == "text")
    asked.texts += [text] if text else []
    for block in blocks:
        if block["type"] == "image":
            source = block["source"]
            data = f"data:{source.get('media_type')};base64,{source.get('data')}"
            asked.images.append(source["url"] if source["type"] == "url" else data)
        elif block["type"] == "tool_result":
            content = block.get("content") or ""
            asked.results[block["tool_use_id"]] = (
                content if isinstance(content, str) else "".join(part["text"] for part in content)
            )


def _usage(reply: Reply) -> Body:
    return {
        "input_tokens": USAGE.prompt - USAGE.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": USAGE.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": USAGE.completion,
        "service_tier": "standard",
    }


def _content(reply: Reply) -> list[Body]:
    blocks: list[Body] = []
    if reply.thought:
        blocks.append({"type": "thinking", "thinking": reply.thought, "signature": "c2lnbmF0dXJl"})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text, "citations": None})
    calls = reply.calls
    return blocks + [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)} for call in calls
    ]


def _message(body: Body, reply: Reply) -> Body:
    reason, sequence = _ending(reply)
    return {
        "id": "msg_upstream",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": _content(reply),
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": _usage(reply),
        "x_unheard_of": {"kept": True},
    }


def _ending(reply: Reply) -> tuple[str, str | None]:
    if reply.ending.startswith("'"):
        return "stop_sequence", reply.ending.strip("'")
    return {"tools": "tool_use", "length": "max_tokens"}.get(reply.ending, "end_turn"), None


def _events(body: Body, reply: Reply) -> list[bytes]:
    def said(kind: str, **fields: Any) -> bytes:
        return event({"type": kind, **fields}, kind)

    begun = _message(body, reply) | {"content": [], "stop_reason": None, "stop_sequence": None}
    begun["usage"] = _usage(reply) | {"output_tokens": 1}
    events = [said("message_start", message=begun)]
    for index, block in enumerate(_content(reply)):
        opened, deltas = _block(block)
        events.append(said("content_block_start", index=index, content_block=opened))
        if index == 0:
            events.append(said("ping"))
        events += [said("content_block_delta", index=index, delta=delta) for delta in deltas]
        events.append(said("content_block_stop", index=index))
    reason, sequence = _ending(reply)
    delta = {"stop_reason": reason, "stop_sequence": sequence}
    events.append(said("message_delta", delta=delta, usage={"output_tokens": USAGE.completion}))
    return [*events, said("message_stop")]


def _block(block: Body) -> tuple[Body, list[Body]]:
    """A block as its stream begins, and the deltas that fill it."""
    if block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in cut(block["thinking"])]
        signed = {"type": "signature_delta", "signature": block["signature"]}
        return block | {"thinking": "", "signature": ""}, [*deltas, signed]
    if block["type"] == "tool_use":
        pieces = ["", *cut(json.dumps(block["input"]))]
        return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block | {"text": ""}, [{"type": "text_delta", "text": piece} for piece in cut(block["text"])]


def error(status: int, message: str) -> bytes:
    kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
    kind = kinds.get(status, "invalid_request_error")
    return encode({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_upstream_3"})
