"""What a client makes of a stream: every event is validated by the official SDK's own models, then put together."""

import json

from anthropic.types import Message, RawMessageStreamEvent
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from patchbay.products.gateway.wire.sse import cut_events, read_event

_messages_events = TypeAdapter(RawMessageStreamEvent)
_responses_events = TypeAdapter(ResponseStreamEvent)


def read_events(stream):
    """Return (name, data) of each event, comments left out."""
    events = [read_event(event) for event in cut_events(stream)]
    assert b"".join(cut_events(stream)) == stream
    return [(name.decode(), data) for name, data in events if data]


def fold_chat(stream):
    """Return the chat completion that a chat stream makes; it must end with [DONE], its usage after the finish."""
    events = [data for _, data in read_events(stream)]
    assert events[-1] == b"[DONE]"
    state = ChatCompletionStreamState()
    for data in events[:-1]:
        state.handle_chunk(ChatCompletionChunk.model_validate_json(data))
    first = json.loads(events[0])["choices"][0]
    assert first["delta"]["role"] == "assistant"
    whole = state.current_completion_snapshot.to_dict()
    message = whole["choices"][0]["message"]
    message.pop("parsed", None)
    for entry in message.get("tool_calls") or []:
        entry.pop("index")
        entry["function"].pop("parsed_arguments", None)
    for entry in message.get("thinking_blocks") or []:
        entry.pop("index")
    return without_nulls(whole)


def without_nulls(body):
    """Return a body without nulls and empty texts, which a stream and a whole answer write differently."""
    if isinstance(body, list):
        return [without_nulls(item) for item in body]
    if isinstance(body, dict):
        return {name: without_nulls(value) for name, value in body.items() if value is not None and value != ""}
    return body


def fold_messages(stream):
    """Return the message that a messages stream makes; blocks must open and close in order, one at a time."""
    message, opened, arguments = None, None, ""
    for name, data in read_events(stream):
        event = json.loads(data)
        assert event["type"] == name
        if name == "ping":
            continue
        _messages_events.validate_python(event)
        if name == "message_start":
            assert message is None
            message = event["message"]
        elif name == "content_block_start":
            assert opened is None
            assert event["index"] == len(message["content"])
            opened, arguments = event["index"], ""
            message["content"].append(dict(event["content_block"]))
        elif name == "content_block_delta":
            assert event["index"] == opened
            arguments += _apply(message["content"][opened], event["delta"])
        elif name == "content_block_stop":
            assert event["index"] == opened
            if message["content"][opened]["type"] == "tool_use":
                message["content"][opened]["input"] = json.loads(arguments or "{}")
            opened = None
        elif name == "message_delta":
            assert opened is None
            message |= event["delta"]
            message["usage"] = message["usage"] | event["usage"]
        last = name
    assert last == "message_stop"
    Message.model_validate(message)
    return message


def _apply(block, delta):
    if delta["type"] == "input_json_delta":
        return delta["partial_json"]
    kind = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}[delta["type"]]
    block[kind] = block.get(kind, "") + delta[kind]
    return ""


def fold_responses(stream):
    """Return the response that a responses stream makes of its items; the last event's must be the same."""
    response, opened, output, last = None, None, [], None
    for number, (name, data) in enumerate(read_events(stream)):
        event = json.loads(data)
        assert (event["type"], event["sequence_number"]) == (name, number)
        _responses_events.validate_python(event)
        if name == "response.created":
            assert response is None
            response = event["response"]
        elif name == "response.output_item.added":
            assert opened is None
            assert event["output_index"] == len(output)
            opened = _Opened(event["item"])
        elif name == "response.output_item.done":
            assert event["item"]["id"] == opened.item["id"]
            opened.check(event["item"])
            output.append(event["item"])
            opened = None
        elif name in ("response.completed", "response.incomplete"):
            assert opened is None
            last = event["response"]
        elif name != "response.in_progress":
            assert event["item_id"] == opened.item["id"]
            opened.note(name, event)
    assert last["output"] == output
    assert last["id"] == response["id"]
    Response.model_validate(last)
    return last


class _Opened:
    """An item under way: its deltas must make what its done events say."""

    def __init__(self, item):
        self.item = item
        self.text = ""

    def note(self, name, event):
        if name.endswith(".delta"):
            self.text += event["delta"]
        elif name.endswith("_part.done"):
            part = event["part"]
            assert part.get("text", part.get("refusal")) == self.text
        elif name.endswith(".done"):
            assert self.text == event.get("text", event.get("arguments", event.get("refusal")))

    def check(self, item):
        if item["type"] == "function_call":
            assert item["arguments"] == self.text
        else:
            parts = item["content"] if item["type"] == "message" else item["summary"]
            assert "".join(part.get("text", part.get("refusal")) for part in parts) == self.text
