"""Anthropic's messages (docs.anthropic.com/en/api/messages).

Requests go to an upstream of the same format field by field as they came, but for the model and the output limit;
streams byte for byte, whatever events and blocks they hold.
"""

from typing import Any

import msgspec

from patchbay.lib.errors import AppError
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire import anthropic_errors
from patchbay.products.gateway.wire.contracts import Format, Head, Target, TokenUsage, WholeAnswer
from patchbay.products.gateway.wire.following import EventReader, failed, later
from patchbay.products.gateway.wire.reading import (
    UNREADABLE,
    decode_answer,
    decode_request,
    invalid,
    raw_bodies,
    text_bytes,
)
from patchbay.products.gateway.wire.sse import find_named_data, write_event

_MEASURED_BLOCKS = frozenset({"text", "tool_use", "thinking", "redacted_thinking", "search_result"})
"""Blocks whose tokens their bytes bound."""
_PLAIN_VALUES: dict[str, tuple[str, ...]] = {
    "service_tier": ("auto", "standard_only"),
    "speed": ("standard",),
    "inference_geo": ("global",),
}
"""What these fields may say at the usual price; a tier that was bought beforehand costs no more by the token."""
_PLAIN_TOOLS = ("bash_", "text_editor_", "computer_", "memory_", "web_fetch_", "tool_search_tool_", "mcp_toolset")
"""Beginnings of the types of tools that cost their tokens alone; searches and containers are charged apart."""


class _Source(msgspec.Struct, gc=False):
    type: str = ""
    content: Any = None


class _Block(msgspec.Struct, gc=False):
    type: str
    source: _Source | None = None
    content: Any = None


class _Message(msgspec.Struct, gc=False):
    role: str
    content: str | list[_Block]


class _Tool(msgspec.Struct, gc=False):
    type: str | None = None


class _Request(msgspec.Struct, gc=False):
    model: str
    max_tokens: int
    messages: list[_Message]
    stream: bool | None = None
    tools: list[_Tool] | None = None
    mcp_servers: list[Any] | None = None
    container: Any = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class _CacheCreation(msgspec.Struct, gc=False):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    """A provider's count; what was read from or written to its cache stands beside `input_tokens`, not in it.

    `cache_creation` says for how long `cache_creation_input_tokens` were written.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None
    output_tokens_details: _OutputDetails | None = None
    estimated: bool = False


class _Said(msgspec.Struct, gc=False):
    """What a model writes: a block, or a delta of one."""

    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    name: str | None = None
    input: Any = None


class _Start(msgspec.Struct, gc=False):
    usage: Usage | None = None


class _Event(msgspec.Struct, gc=False):
    """What must be known of an event before it goes on; the rest is only checked to be JSON."""

    type: str
    message: _Start | None = None
    usage: Usage | None = None


class _Spoken(msgspec.Struct, gc=False):
    content_block: _Said | None = None
    delta: _Said | None = None


class _Answer(msgspec.Struct, gc=False):
    content: list[_Said]
    type: str
    usage: Usage | None = None


_requests = msgspec.json.Decoder(_Request)
_events = msgspec.json.Decoder(_Event)
_spoken = msgspec.json.Decoder(_Spoken)
_answers = msgspec.json.Decoder(_Answer)


class MessagesWire:
    """The messages format."""

    name: Format = "messages"
    path = "/v1/messages"

    def read(self, body: bytes) -> Head:
        """Read what the engine must know; everything else is the provider's to check."""
        request = decode_request(_requests, body)
        _check(request)
        images, opaque = _attachments(request)
        return Head(
            model=request.model,
            stream=bool(request.stream),
            max_output_tokens=request.max_tokens,
            tools=bool(request.tools),
            images=images,
            opaque=opaque,
            include_usage=True,
            refers=request.container is not None,
            unpriced=_unpriced(request),
        )

    def prepare(self, body: bytes, head: Head, target: Target) -> bytes:
        """Write the upstream's body."""
        fields: dict[str, Any] = decode_request(raw_bodies, body)
        fields["model"] = target.model
        if target.max_output_tokens is not None:
            fields["max_tokens"] = target.max_output_tokens
        return msgspec.json.encode(fields)

    def read_answer(self, body: bytes) -> WholeAnswer:
        """Read an answer's usage, and how much text it has."""
        answer = decode_answer(_answers, body)
        if answer.type != "message":
            raise ModelBrokenError("The model provider sent an answer that is none.")
        return WholeAnswer(to_usage(answer.usage), sum(_size(block) for block in answer.content))

    def reader(self, head: Head) -> "MessagesReader":
        return MessagesReader()

    def error_body(self, error: AppError, request_id: str) -> bytes:
        return msgspec.json.encode(anthropic_errors.describe(error, request_id))

    def error_event(self, error: AppError, request_id: str, after: bytes = b"") -> bytes:
        return write_event("error", anthropic_errors.describe(error, request_id))


class MessagesReader(EventReader[_Event]):
    """Follows a messages stream; see `StreamReader`. Kept back is `message_stop`.

    A stream that was cut has counted its prompt but not its completion: then `usage` is estimated by what was written.
    """

    stored: tuple[str, ...] = ()
    __slots__ = ("_counted", "_usage")

    def __init__(self) -> None:
        super().__init__(find_named_data, _events, _spoken_bytes)
        self._usage: Usage | None = None
        self._counted = False

    @property
    def usage(self) -> TokenUsage | None:
        usage = to_usage(self._usage)
        return usage if usage is None or self._counted else usage.cut_at(self.produced_bytes())

    def _pass(self, event: bytes, said: _Event) -> bytes:
        match said.type:
            case "content_block_delta" | "content_block_start":
                self._kept.add(event)
            case "message_start" if said.message is not None:
                self._usage = said.message.usage
            case "message_delta" if said.usage is not None:
                self._usage = later(self._usage, said.usage)
                self._counted = self._counted or said.usage.output_tokens is not None
            case "message_stop":
                return self._end(event)
            case "error":
                raise failed()
        return event


def to_usage(usage: Usage | None) -> TokenUsage | None:
    """Return the provider's own count, zeros too; None when it counted nothing."""
    if usage is None:
        return None
    cached, (minutes, hour) = usage.cache_read_input_tokens or 0, _written(usage)
    details = usage.output_tokens_details
    counted = TokenUsage(
        (usage.input_tokens or 0) + cached + minutes + hour,
        usage.output_tokens or 0,
        cached=cached,
        cache_write=minutes,
        cache_write_1h=hour,
        reasoning=(details.thinking_tokens or 0) if details else 0,
        estimated=usage.estimated,
    )
    return counted.of_sides(usage.input_tokens, usage.output_tokens)


def _written(usage: Usage) -> tuple[int, int]:
    """Return the tokens that were written to the cache for its usual five minutes, and those for an hour.

    What the sum has above the breakdown, which the last count of a stream leaves out, was written for minutes.
    """
    kept = usage.cache_creation or _NOTHING_KEPT
    minutes, hour = kept.ephemeral_5m_input_tokens or 0, kept.ephemeral_1h_input_tokens or 0
    return max(minutes, (usage.cache_creation_input_tokens or 0) - hour), hour


_NOTHING_KEPT = _CacheCreation()


def _check(request: _Request) -> None:
    if not request.model:
        raise invalid("model", "Name a model.")
    if not request.messages:
        raise invalid("messages", "At least one message is needed.")
    if request.max_tokens < 0:
        raise invalid("max_tokens", "The limit must not be negative.")


def _attachments(request: _Request) -> tuple[int, bool]:
    """Return the number of pictures, and whether something refers to what only the provider can read."""
    images = 0
    opaque = bool(request.mcp_servers) or request.container is not None
    for message in request.messages:
        if isinstance(message.content, list):
            for block in message.content:
                more, hidden = _block_attachments(block)
                images, opaque = images + more, opaque or hidden
    opaque = opaque or any(tool.type not in (None, "custom") for tool in request.tools or ())
    return images, opaque


def _unpriced(request: _Request) -> str:
    """Return the field for which Anthropic charges more than tokens, or that is not known to cost no more."""
    for name, plain in _PLAIN_VALUES.items():
        value = getattr(request, name)
        if value is not None and value not in plain:
            return name
    for number, tool in enumerate(request.tools or ()):
        if tool.type not in (None, "custom") and not tool.type.startswith(_PLAIN_TOOLS):
            return f"tools[{number}]"
    return ""


def _block_attachments(block: _Block) -> tuple[int, bool]:
    if block.type in _MEASURED_BLOCKS:
        return 0, False
    if block.type == "image":
        return 1, False
    if block.type == "tool_result":
        return _content_attachments(block.content)
    if block.type == "document" and block.source is not None:
        if block.source.type == "text":
            return 0, False
        if block.source.type == "content":
            return _content_attachments(block.source.content)
    return 0, True


def _content_attachments(content: Any) -> tuple[int, bool]:
    """Measure what a tool result or a document of blocks holds: a text, or blocks."""
    if not isinstance(content, list):
        return 0, False
    kinds = [str(inner.get("type")) if isinstance(inner, dict) else "" for inner in content]
    images = kinds.count("image")
    return images, any(kind != "image" and kind not in _MEASURED_BLOCKS for kind in kinds)


def _spoken_bytes(data: bytes) -> int:
    """Return how much the data of an event says; data that is odd, but went on, counts for nothing."""
    try:
        spoken = _spoken.decode(data)
    except UNREADABLE:
        return 0
    return sum(_size(said) for said in (spoken.content_block, spoken.delta) if said is not None)


def _size(said: _Said) -> int:
    """UTF-8 bytes of all that a block or a delta says."""
    size = text_bytes(said.text) if said.text else 0
    if said.thinking:
        size += text_bytes(said.thinking)
    if said.partial_json:
        size += text_bytes(said.partial_json)
    if said.name:
        size += text_bytes(said.name) + text_bytes(said.input)
    return size


WIRE = MessagesWire()
