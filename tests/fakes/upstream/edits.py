"""What a script changes in an answer that the made-up model wrote: its usage, its refusal, its faults of content."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tests.fakes.upstream.scripts import Fault, Script
from tests.fakes.vendors.answers import Answer, encode, event

Body = dict[str, Any]

HUGE_BYTES = 50 * 1024 * 1024
_KINDS: dict[str, Body] = {
    "chat/completions": {
        "prompt_tokens": 1000,
        "completion_tokens": 300,
        "total_tokens": 1300,
        "prompt_tokens_details": {"cached_tokens": 200, "audio_tokens": 50},
        "completion_tokens_details": {"reasoning_tokens": 120, "audio_tokens": 30},
    },
    "responses": {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 200},
        "output_tokens": 300,
        "output_tokens_details": {"reasoning_tokens": 120},
        "total_tokens": 1300,
    },
    "messages": {
        "input_tokens": 700,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 200,
        "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
        "output_tokens": 300,
    },
    "embeddings": {"prompt_tokens": 7, "total_tokens": 7},
}


def edit(operation: str, script: Script, answer: Answer, error_event: bytes) -> Answer:
    """Return the answer as the script has it, faults of the connection left to the server."""
    if script.refusal:
        answer = _each(answer, _REFUSALS[operation])
    if script.usage != "usual":
        usage = _KINDS[operation] if script.usage == "kinds" else script.usage
        answer = _each(answer, lambda body: _with_usage(body, usage))
    events = answer.events
    match script.fault:
        case Fault.MALFORMED_JSON if events:
            return replace(answer, events=(events[0], b'data: {"broken": \n\n', *events[1:]))
        case Fault.MALFORMED_JSON:
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        case Fault.NO_ENDING if events:
            return replace(answer, events=events[:-1])
        case Fault.NO_FINISH if events:
            return replace(answer, events=events[: 1 + max(at for at, raw in enumerate(events) if _is_text(raw))])
        case Fault.ERROR_EVENT if events:
            return replace(answer, events=(*events[: len(events) // 2], error_event))
        case Fault.HUGE if not events:
            return replace(answer, body=b'{"padding": "' + b"x" * HUGE_BYTES + b'"}')
        case Fault.WRONG_CONTENT_TYPE:
            return replace(answer, events=None, body=b"<html><body>A gateway's own page</body></html>")
    return answer


def repeated(events: tuple[bytes, ...]) -> bytes:
    """Return the first event of a stream that carries text, to be sent over and over."""
    return next(filter(_is_text, events))


def _is_text(raw: bytes) -> bool:
    body = _data(raw)
    if body is None:
        return False
    if body.get("choices"):
        return bool(body["choices"][0]["delta"].get("content"))
    return body.get("type") in ("response.output_text.delta", "content_block_delta")


def _each(answer: Answer, change: Callable[[Body], Body | None]) -> Answer:
    """Change the whole body, or the data of each event; an event whose change is None is left out."""
    if answer.events is None:
        return replace(answer, body=encode(change(json.loads(answer.body))))
    events = []
    for raw in answer.events:
        body = _data(raw)
        if body is None:
            events.append(raw)
        elif (changed := change(body)) is not None:
            events.append(event(changed, changed.get("type") if raw.startswith(b"event:") else None))
    return replace(answer, events=tuple(events))


def _data(raw: bytes) -> Body | None:
    """Return what an event carries; None for a comment and for [DONE]."""
    start = raw.find(b"data: {")
    return None if start < 0 else json.loads(raw[start + 6 :])


def _with_usage(body: Body, usage: str | Mapping[str, Any]) -> Body | None:
    if body.get("choices") == [] and body.get("usage") and usage == "absent":
        return None  # the event is for its usage alone
    changed: Body = {}
    for name, value in body.items():
        if name == "usage" and isinstance(value, dict):
            if usage == "absent":
                # Anthropic's types want one; a server that does not count leaves its numbers out.
                changed |= {"usage": {}} if "delta" in body or body.get("type") == "message" else {}
            else:
                changed[name] = _counted(value, usage)
        else:
            changed[name] = _with_usage(value, usage) if isinstance(value, dict) else value
    return changed


def _counted(value: Body, usage: str | Mapping[str, Any]) -> Body:
    if usage == "zero":
        return {
            name: _counted(inner, usage) if isinstance(inner, dict) else 0 if isinstance(inner, int) else inner
            for name, inner in value.items()
        }
    assert isinstance(usage, Mapping)
    if set(value) == {"output_tokens"}:  # Anthropic's last event
        return {"output_tokens": usage["output_tokens"]}
    return dict(usage)


def _refuse_chat(body: Body) -> Body:
    for choice in body.get("choices") or ():
        said = choice.get("message") or choice["delta"]
        if said.get("content"):
            said["refusal"] = said["content"]
            said["content"] = None
    return body


def _refuse_message(body: Body) -> Body:
    for said in (body, body.get("delta") or {}):
        if said.get("stop_reason"):
            said["stop_reason"] = "refusal"
    return body


def _refuse_response(value: Any) -> Any:
    """Turn each part and event of text into one of refusal, wherever it stands."""
    if isinstance(value, list):
        return [_refuse_response(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    changed = {name: _refuse_response(inner) for name, inner in value.items()}
    kind = value.get("type")
    if kind == "output_text":
        return {"type": "refusal", "refusal": value["text"]}
    if isinstance(kind, str) and kind.startswith("response.output_text."):
        changed["type"] = kind.replace("output_text", "refusal")
        changed.pop("logprobs", None)
        if "text" in changed:
            changed["refusal"] = changed.pop("text")
    return changed


_REFUSALS: dict[str, Callable[[Body], Body | None]] = {
    "chat/completions": _refuse_chat,
    "messages": _refuse_message,
    "responses": _refuse_response,
}
