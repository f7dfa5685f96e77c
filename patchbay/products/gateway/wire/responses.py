"""OpenAI's responses (platform.openai.com/docs/api-reference/responses).

Requests go to an upstream of the same format field by field as they came, but for the model and the output limit;
streams byte for byte.
"""

import re
from typing import Any

import msgspec

from patchbay.lib.errors import AppError, FieldError
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire import openai_errors
from patchbay.products.gateway.wire.chat import PLAIN_TIERS
from patchbay.products.gateway.wire.contracts import (
    Format,
    Head,
    Reference,
    Target,
    TokenUsage,
    UnsupportedError,
    WholeAnswer,
)
from patchbay.products.gateway.wire.following import EventReader, failed
from patchbay.products.gateway.wire.reading import (
    UNREADABLE,
    decode_answer,
    decode_request,
    invalid,
    raw_bodies,
    text_bytes,
)
from patchbay.products.gateway.wire.sse import find_named_data, write_event

_REFERENCES = ("previous_response_id", "conversation", "prompt")
_OWN_TOOLS = frozenset({"function", "custom"})
_PLAIN_TOOLS = _OWN_TOOLS | {
    "mcp",
    "computer",
    "computer_use_preview",
    "local_shell",
    "apply_patch",
    "tool_search",
    "namespace",
}
"""Tools that cost their tokens alone; searches, containers and pictures are charged apart."""
_MEASURED_ITEMS = frozenset(
    {
        "message",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "reasoning",
    }
)
_MEASURED_PARTS = frozenset({"input_text", "output_text", "refusal", "reasoning_text", "summary_text", "input_audio"})
"""Items and parts whose tokens their bytes bound."""
_LAST_EVENTS = ("response.completed", "response.incomplete")


class _Item(msgspec.Struct, gc=False):
    type: str | None = None
    content: Any = None
    output: Any = None
    id: Any = None


class _Tool(msgspec.Struct, gc=False):
    type: str


class _Request(msgspec.Struct, gc=False):
    model: str
    input: str | list[_Item] | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None
    tools: list[_Tool] | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    prompt: Any = None
    background: bool | None = None
    service_tier: str | None = None


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    """A provider's count."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    estimated: bool = False
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _OutputItem(msgspec.Struct, gc=False):
    type: str
    id: str | None = None
    content: Any = None
    summary: Any = None
    name: str | None = None
    arguments: Any = None
    input: Any = None


class _Answer(msgspec.Struct, gc=False):
    object: str
    output: list[_OutputItem]
    status: str | None = None
    usage: Usage | None = None
    id: str | None = None
    store: bool | None = None


class _EndedItem(msgspec.Struct, gc=False):
    id: str | None = None


class _Ended(msgspec.Struct, gc=False):
    usage: Usage | None = None
    output: list[_EndedItem] | None = None
    id: str | None = None
    store: bool | None = None


class _Event(msgspec.Struct, gc=False):
    """What must be known of an event before it goes on; the rest is only checked to be JSON."""

    type: str
    response: _Ended | None = None


class _Spoken(msgspec.Struct, gc=False):
    type: str
    delta: Any = None


_requests = msgspec.json.Decoder(_Request)
_answers = msgspec.json.Decoder(_Answer)
_events = msgspec.json.Decoder(_Event)
_spoken = msgspec.json.Decoder(_Spoken)


class ResponsesWire:
    """The responses format."""

    name: Format = "responses"
    path = "/responses"

    def read(self, body: bytes) -> Head:
        """Read what the engine must know; a background response is refused, since its end could not be metered."""
        request = decode_request(_requests, body)
        _check(request)
        images, opaque, refers = _attachments(request)
        refers = refers or any(getattr(request, name) is not None for name in _REFERENCES)
        return Head(
            model=request.model,
            stream=bool(request.stream),
            max_output_tokens=request.max_output_tokens,
            tools=bool(request.tools),
            images=images,
            opaque=opaque or refers,
            include_usage=True,
            refers=refers,
            references=_references(request) if refers else (),
            unpriced=_unpriced(request),
        )

    def prepare(self, body: bytes, head: Head, target: Target) -> bytes:
        """Write the upstream's body."""
        fields: dict[str, Any] = decode_request(raw_bodies, body)
        fields["model"] = target.model
        if target.max_output_tokens is not None:
            fields["max_output_tokens"] = target.max_output_tokens
        return msgspec.json.encode(fields)

    def read_answer(self, body: bytes) -> WholeAnswer:
        """Read an answer's usage, and how much text it has."""
        answer = decode_answer(_answers, body)
        if answer.object != "response" or answer.status not in (None, "completed", "incomplete"):
            raise ModelBrokenError("The model provider sent an answer that is not whole.")
        return WholeAnswer(to_usage(answer.usage), sum(_size(item) for item in answer.output), _stored(answer))

    def reader(self, head: Head) -> "ResponsesReader":
        return ResponsesReader()

    def error_body(self, error: AppError, request_id: str) -> bytes:
        return openai_errors.error_body(error)

    def error_event(self, error: AppError, request_id: str, after: bytes = b"") -> bytes:
        told = openai_errors.describe(error)
        numbers = _NUMBER.findall(after)
        number = int(numbers[-1]) + 1 if numbers else 0
        shown = {name: told[name] for name in ("code", "message", "param")}
        return write_event("error", {"type": "error", **shown, "sequence_number": number})


_NUMBER = re.compile(rb'"sequence_number":\s*(\d{1,9})')


class ResponsesReader(EventReader[_Event]):
    """Follows a responses stream; see `StreamReader`. Kept back is the event with the whole response.

    `response.failed` and `error` raise: nothing that failed is paid for, and the client is told in our words.
    """

    __slots__ = ("stored", "usage")

    def __init__(self) -> None:
        super().__init__(find_named_data, _events, _spoken_bytes)
        self.usage: TokenUsage | None = None
        self.stored: tuple[str, ...] = ()

    def _pass(self, event: bytes, said: _Event) -> bytes:
        if said.type in ("error", "response.failed"):
            raise failed()
        if said.type in _LAST_EVENTS:
            if said.response is not None:
                self.usage, self.stored = to_usage(said.response.usage), _stored(said.response)
            return self._end(event)
        self._kept.add(event)
        return event


def _stored(answer: _Answer | _Ended) -> tuple[str, ...]:
    """Return the ids under which the provider keeps an answer and its items; none where it was told not to."""
    if answer.store is False or not answer.id:
        return ()
    return (answer.id, *(item.id for item in answer.output or () if item.id))


def _unpriced(request: _Request) -> str:
    """Return the field for which OpenAI charges more than tokens, or that is not known to cost no more."""
    if request.service_tier is not None and request.service_tier not in PLAIN_TIERS:
        return "service_tier"
    for number, tool in enumerate(request.tools or ()):
        if tool.type not in _PLAIN_TOOLS:
            return f"tools[{number}]"
    return ""


def _references(request: _Request) -> tuple[Reference, ...]:
    """Return the ids of earlier answers and their items that the request goes on from, each once."""
    found = {}
    if request.previous_response_id is not None:
        found[request.previous_response_id] = "previous_response_id"
    for number, item in enumerate(request.input if isinstance(request.input, list) else ()):
        if _kind(item) == "item_reference" and isinstance(item.id, str):
            found.setdefault(item.id, f"input[{number}].id")
    return tuple(Reference(field, each) for each, field in found.items())


def _spoken_bytes(data: bytes) -> int:
    """Return how much the data of an event says; sound is no text, and odd data that went on counts for nothing."""
    try:
        spoken = _spoken.decode(data)
    except UNREADABLE:
        return 0
    says = isinstance(spoken.delta, str) and spoken.type != "response.audio.delta"
    return text_bytes(spoken.delta) if says else 0


def to_usage(usage: Usage | None) -> TokenUsage | None:
    """Return the provider's own count, zeros too; None when it counted nothing."""
    if usage is None:
        return None
    prompt, completion = usage.input_tokens_details, usage.output_tokens_details
    counted = TokenUsage(
        usage.input_tokens or 0,
        usage.output_tokens or 0,
        cached=(prompt.cached_tokens or 0) if prompt else 0,
        cache_write=(prompt.cache_write_tokens or 0) if prompt else 0,
        reasoning=(completion.reasoning_tokens or 0) if completion else 0,
        estimated=usage.estimated,
    )
    return counted.of_sides(usage.input_tokens, usage.output_tokens, usage.total_tokens)


def _check(request: _Request) -> None:
    if not request.model:
        raise invalid("model", "Name a model.")
    if request.max_output_tokens is not None and request.max_output_tokens < 1:
        raise invalid("max_output_tokens", "The limit must be at least 1.")
    if request.background:
        message = "Background responses are not offered here: ask for a stream instead."
        raise UnsupportedError(f"background: {message}", fields=(FieldError("background", message),))


def _attachments(request: _Request) -> tuple[int, bool, bool]:
    """Return the number of pictures, whether only the provider can measure the rest, whether stored items are meant."""
    images, opaque, refers = 0, False, False
    for item in request.input if isinstance(request.input, list) else ():
        kind = _kind(item)
        refers = refers or kind == "item_reference"
        opaque = opaque or kind not in _MEASURED_ITEMS
        for parts in (item.content, item.output):
            if isinstance(parts, list):
                kinds = [str(part.get("type")) if isinstance(part, dict) else "" for part in parts]
                images += kinds.count("input_image")
                opaque = opaque or any(part != "input_image" and part not in _MEASURED_PARTS for part in kinds)
    opaque = opaque or any(tool.type not in _OWN_TOOLS for tool in request.tools or ())
    return images, opaque, refers


def _kind(item: _Item) -> str:
    """An item without a type is a message; an `item_reference` may lack its type too, and then has no content."""
    return item.type or ("message" if item.content is not None else "item_reference")


def _size(item: _OutputItem) -> int:
    """UTF-8 bytes of all that an item of the output says."""
    size = text_bytes(item.name) + text_bytes(item.arguments) + text_bytes(item.input)
    for part in (*_parts(item.content), *_parts(item.summary)):
        size += text_bytes(part.get("text") or part.get("refusal"))
    return size


def _parts(value: Any) -> list[dict[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


WIRE = ResponsesWire()
