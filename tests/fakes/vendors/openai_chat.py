"""OpenAI's chat completions: a call understood, an answer written whole or as a stream."""

from typing import Any

from tests.fakes.vendors.answers import Answer, encode, event, whole
from tests.fakes.vendors.model import Asked, Reply, Usage, cut, think

Body = dict[str, Any]
USAGE = Usage()


def answer(body: Body, reply: Reply | None = None) -> Answer:
    """Answer by what the call says, or by a reply given."""
    reply = reply or think(understand(body))
    if not body.get("stream"):
        return whole(_completion(body, reply), x_request_id="req_upstream_1")
    return Answer(events=tuple(_events(body, reply)), headers={"x-request-id": "req_upstream_1"})


def understand(body: Body) -> Asked:
    asked = Asked(
        tools={tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in body.get("tools") or ()},
        parallel=body.get("parallel_tool_calls", True),
        stops=[body["stop"]] if isinstance(body.get("stop"), str) else body.get("stop") or [],
        limit=body.get("max_completion_tokens") or body.get("max_tokens"),
    )
    choice = body.get("tool_choice")
    if choice == "none":
        asked.tools = {}
    elif isinstance(choice, dict):
        asked.forced = choice["function"]["name"]
    if (form := body.get("response_format")) and form["type"] == "json_schema":
        asked.schema = form["json_schema"]["schema"]
    for message in body["messages"]:
        _hear(asked, message)
    return asked


def _hear(asked: Asked, message: Body) -> None:
    parts = message.get("content") or ""
    if isinstance(parts, str):
        parts = [{"type": "text", "text": parts}]
    text = "".join(part["text"] for part in parts if part["type"] == "text")
    if message["role"] in ("system", "developer"):
        asked.system += text
    elif message["role"] == "tool":
        asked.results[message["tool_call_id"]] = text
    else:
        asked.texts += [text] if text else []
        asked.images += [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def usage(counted: Usage = USAGE) -> Body:
    return {
        "prompt_tokens": counted.prompt,
        "completion_tokens": counted.completion,
        "total_tokens": counted.prompt + counted.completion,
        "prompt_tokens_details": {"cached_tokens": counted.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": counted.reasoning, "audio_tokens": 0},
    }


def _completion(body: Body, reply: Reply) -> Body:
    return {
        "id": "chatcmpl-upstream",
        "object": "chat.completion",
        "created": 1790000000,
        "model": body["model"],
        "choices": [
            {
                "index": index,
                "message": {
                    "role": "assistant",
                    "content": reply.text or None,
                    "refusal": None,
                    "annotations": [],
                    **({"tool_calls": [_call(call) for call in reply.calls]} if reply.calls else {}),
                },
                "logprobs": _logprobs(body, reply.pieces()),
                "finish_reason": _ending(reply),
            }
            for index in range(body.get("n") or 1)
        ],
        "usage": usage(),
        "service_tier": "default",
        "x_unheard_of": {"kept": True},
    }


def _call(call: Any) -> Body:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _logprobs(body: Body, pieces: list[str]) -> Body | None:
    if not body.get("logprobs"):
        return None
    top = body.get("top_logprobs", 0)
    return {
        "content": [
            {
                "token": piece,
                "logprob": -0.25,
                "bytes": list(piece.encode()),
                "top_logprobs": [{"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}] * top,
            }
            for piece in pieces
        ],
        "refusal": None,
    }


def _ending(reply: Reply) -> str:
    return {"tools": "tool_calls", "length": "length"}.get(reply.ending, "stop")


def _events(body: Body, reply: Reply) -> list[bytes]:
    choices = range(body.get("n") or 1)
    counts = (body.get("stream_options") or {}).get("include_usage", False)

    def chunk(index: int, delta: Body, finish: str | None = None, logprobs: Body | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return event(_chunk(body, [choice]) | ({"usage": None} if counts else {}))

    events = [chunk(index, {"role": "assistant", "content": "", "refusal": None}) for index in choices]
    events.append(b": keep-alive\n\n")
    for piece in reply.pieces():
        events += [chunk(index, {"content": piece}, logprobs=_logprobs(body, [piece])) for index in choices]
    for number, call in enumerate(reply.calls):
        opened = _call(call) | {"index": number, "function": {"name": call.name, "arguments": ""}}
        events.append(chunk(0, {"tool_calls": [opened]}))
        events += [
            chunk(0, {"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
            for piece in cut(call.arguments)
        ]
    events += [chunk(index, {}, _ending(reply)) for index in choices]
    if counts:
        events.append(event(_chunk(body, []) | {"usage": usage()}))
    return [*events, b"data: [DONE]\n\n"]


def _chunk(body: Body, choices: list[Body]) -> Body:
    return {
        "id": "chatcmpl-upstream",
        "object": "chat.completion.chunk",
        "created": 1790000000,
        "model": body["model"],
        "service_tier": "default",
        "choices": choices,
        "obfuscation": "k3x",
    }


def error(status: int, message: str, field: str | None, code: str | None) -> bytes:
    kinds = {401: "authentication_error", 404: "invalid_request_error", 429: "rate_limit_error", 503: "server_error"}
    kind = kinds.get(status, "invalid_request_error")
    return encode({"error": {"message": message, "type": kind, "param": field, "code": code}})
