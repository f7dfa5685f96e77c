"""OpenAI's chat completions (platform.openai.com/docs/api-reference/chat), as OpenAI and compatible servers speak it.

Requests go to an upstream of the same format field by field as they came: only the model, the output limit and
`stream_options.include_usage` are written anew. Streams are forwarded byte for byte.
"""

from typing import Any

import msgspec

from patchbay.lib.errors import AppError
from patchbay.products.gateway.wire import openai_errors
from patchbay.products.gateway.wire.chat_content import read_content
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
from patchbay.products.gateway.wire.sse import (
    DONE_DATA,
    DONE_EVENT,
    find_nameless_data,
    read_event,
    write_data,
)

MAX_CHOICES = 128
_LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
_TEXT_PARTS = frozenset({"text", "refusal", "thinking", "input_audio"})
"""Parts whose tokens their bytes bound; sound is at least 1 kB a second and ten tokens."""
PLAIN_TIERS = frozenset({"auto", "default", "flex"})
"""Service tiers of OpenAI that cost no more than the standard one (flex: less)."""
_OWN_TOOLS = frozenset({"function", "custom"})


class _Part(msgspec.Struct, gc=False):
    type: str


class _Message(msgspec.Struct, gc=False):
    role: str
    content: str | list[_Part] | None = None
    audio: Any = None


class _Tool(msgspec.Struct, gc=False):
    type: str = "function"


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class _Request(msgspec.Struct, gc=False):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    tools: list[_Tool] | None = None
    functions: list[Any] | None = None
    web_search_options: Any = None
    service_tier: str | None = None


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    """A provider's count; `prompt_cache_hit_tokens` is DeepSeek's name for cached ones, `estimated` our own models' for
    a count by length."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    estimated: bool = False


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct, gc=False):
    function: _Function | None = None
    custom: Any = None


class _Audio(msgspec.Struct, gc=False):
    transcript: str | None = None


class _Text(msgspec.Struct, gc=False):
    """What a model writes: a message of a whole answer or a delta of a stream (some servers write parts, not text)."""

    content: Any = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None
    audio: _Audio | None = None


class _ChunkChoice(msgspec.Struct, gc=False):
    index: int = 0
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    """What must be known of an event before it goes on; the rest is only checked to be JSON."""

    choices: list[_ChunkChoice] | None = None
    usage: Usage | None = None
    error: Any = None
    object: str | None = None


class _SpokenChoice(msgspec.Struct, gc=False):
    delta: _Text | None = None


class _Spoken(msgspec.Struct, gc=False):
    choices: list[_SpokenChoice] | None = None


class _Choice(msgspec.Struct, gc=False):
    message: _Text


class _Answer(msgspec.Struct, gc=False):
    choices: list[_Choice]
    usage: Usage | None = None


_requests = msgspec.json.Decoder(_Request)
_chunks = msgspec.json.Decoder(_Chunk)
_spoken = msgspec.json.Decoder(_Spoken)
_answers = msgspec.json.Decoder(_Answer)


class ChatWire:
    """The chat completions format."""

    name: Format = "chat"
    path = "/chat/completions"

    def read(self, body: bytes) -> Head:
        """Read what the engine must know; everything else is the provider's to check."""
        request = decode_request(_requests, body)
        _check(request)
        images, opaque = _attachments(request)
        return Head(
            model=request.model,
            stream=bool(request.stream),
            max_output_tokens=request.max_completion_tokens or request.max_tokens,
            choices=request.n or 1,
            tools=bool(request.tools or request.functions),
            images=images,
            opaque=opaque,
            include_usage=request.stream_options is not None and bool(request.stream_options.include_usage),
            unpriced=_unpriced(request),
        )

    def prepare(self, body: bytes, head: Head, target: Target) -> bytes:
        """Write the upstream's body; the limit replaces whichever of its two names the client used."""
        fields: dict[str, Any] = decode_request(raw_bodies, body)
        fields["model"] = target.model
        if target.max_output_tokens is not None:
            for name in _LIMIT_FIELDS:
                fields.pop(name, None)
            fields[target.limit_field] = target.max_output_tokens
        if head.stream and not head.include_usage:
            options: dict[str, Any] = {}
            if (given := fields.get("stream_options")) is not None and bytes(given) != b"null":
                options = decode_request(raw_bodies, given)
            fields["stream_options"] = {**options, "include_usage": True}
        return msgspec.json.encode(fields)

    def read_answer(self, body: bytes) -> WholeAnswer:
        """Read an answer's usage, and how much text it has."""
        answer = decode_answer(_answers, body)
        return WholeAnswer(to_usage(answer.usage), sum(_size(choice.message) for choice in answer.choices))

    def reader(self, head: Head) -> "ChatReader":
        return ChatReader(head)

    def error_body(self, error: AppError, request_id: str) -> bytes:
        return openai_errors.error_body(error)

    def error_event(self, error: AppError, request_id: str, after: bytes = b"") -> bytes:
        return write_data({"error": openai_errors.describe(error)})


class ChatReader(EventReader[_Chunk]):
    """Follows a chat stream; see `StreamReader`. Kept back is `[DONE]`, and with it whatever a server sends after it.

    Servers that end without `[DONE]` are whole once every choice has its finish reason: `stop` says so, and `final`
    gives the client the `[DONE]` that its SDK waits for. What a server counted of a stream that was cut before that is
    no more than it had written by then: `usage` is estimated by what came, if that is more.
    """

    stored: tuple[str, ...] = ()
    __slots__ = ("_choices", "_done", "_finished", "_hide_usage", "_usage")

    def __init__(self, head: Head) -> None:
        super().__init__(find_nameless_data, _chunks, _spoken_bytes)
        self._usage: Usage | None = None
        self._hide_usage = not head.include_usage
        self._choices = head.choices
        self._finished: set[int] = set()
        self._done = False

    @property
    def usage(self) -> TokenUsage | None:
        usage = to_usage(self._usage)
        if usage is None or self.ended or self._is_finished:
            return usage
        return usage.cut_at(self.produced_bytes())

    @property
    def _is_finished(self) -> bool:
        return len(self._finished) >= self._choices

    def stop(self) -> None:
        """Read an event that lacked its blank line, then decide whether the answer is whole without `[DONE]`."""
        super().stop()
        self.ended = self.ended or self._is_finished

    def final(self) -> bytes:
        return super().final() + (b"" if self._done else DONE_EVENT)

    def _read(self, event: bytes, data: bytes) -> bytes:
        if data == DONE_DATA:
            self._done = True
            return self._end(event)
        if _is_error(event):
            raise failed()
        return super()._read(event, data)

    def _pass(self, event: bytes, said: _Chunk) -> bytes:
        if said.usage is not None or said.error is not None or said.object == "error":
            if said.usage is None or said.error is not None:
                raise failed()
            self._usage = later(self._usage, said.usage)
            if not said.choices and self._hide_usage:
                return b""
        for choice in said.choices or ():
            if choice.finish_reason:  # some servers write "" until they have one
                self._finished.add(choice.index)
        self._kept.add(event)
        return event


def _spoken_bytes(data: bytes) -> int:
    """Return how much the data of an event says; data that is odd, but went on, counts for nothing."""
    try:
        choices = _spoken.decode(data).choices or ()
    except UNREADABLE:
        return 0
    return sum(_size(choice.delta) for choice in choices if choice.delta is not None)


def _is_error(event: bytes) -> bool:
    return not event.startswith(b"data:") and read_event(event)[0] == b"error"


def to_usage(usage: Usage | None) -> TokenUsage | None:
    """Return the provider's own count, zeros too; None when it counted nothing."""
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens_details or _NO_PROMPT, usage.completion_tokens_details or _NO_COMPLETION
    counted = TokenUsage(
        usage.prompt_tokens or 0,
        usage.completion_tokens or 0,
        cached=prompt.cached_tokens or usage.prompt_cache_hit_tokens or 0,
        cache_write=prompt.cache_write_tokens or 0,
        audio_prompt=prompt.audio_tokens or 0,
        image=prompt.image_tokens or 0,
        reasoning=completion.reasoning_tokens or 0,
        audio_completion=completion.audio_tokens or 0,
        estimated=usage.estimated,
    )
    return counted.of_sides(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)


_NO_PROMPT, _NO_COMPLETION = _PromptDetails(), _CompletionDetails()


def _check(request: _Request) -> None:
    if not request.model:
        raise invalid("model", "Name a model.")
    if not request.messages:
        raise invalid("messages", "At least one message is needed.")
    for name in _LIMIT_FIELDS:
        limit = getattr(request, name)
        if limit is not None and limit < 1:
            raise invalid(name, "The limit must be at least 1.")
    if request.n is not None and not 1 <= request.n <= MAX_CHOICES:
        raise invalid("n", f"Between 1 and {MAX_CHOICES} choices can be asked for.")


def _attachments(request: _Request) -> tuple[int, bool]:
    """Return the number of pictures, and whether something refers to what only the provider can read."""
    images = 0
    opaque = request.web_search_options is not None
    for message in request.messages:
        if message.audio is not None:
            opaque = True
        if isinstance(message.content, list):
            for part in message.content:
                if part.type == "image_url":
                    images += 1
                elif part.type not in _TEXT_PARTS:
                    opaque = True
    if request.tools and not opaque:
        opaque = any(tool.type not in _OWN_TOOLS for tool in request.tools)
    return images, opaque


def _unpriced(request: _Request) -> str:
    """Return the field for which OpenAI charges more than tokens, or that is not known to cost no more."""
    if request.service_tier is not None and request.service_tier not in PLAIN_TIERS:
        return "service_tier"
    if request.web_search_options is not None:
        return "web_search_options"
    for number, tool in enumerate(request.tools or ()):
        if tool.type not in _OWN_TOOLS:
            return f"tools[{number}]"
    return ""


def _size(text: _Text) -> int:
    """UTF-8 bytes of all that a message or a delta says."""
    size = _content_size(text.content) if text.content else 0
    if text.refusal or text.reasoning_content or text.reasoning:
        size += text_bytes(text.refusal) + (text_bytes(text.reasoning_content) or text_bytes(text.reasoning))
    if text.tool_calls:
        size += sum(_call_size(call.function) + text_bytes(call.custom) for call in text.tool_calls)
    if text.function_call is not None:
        size += _call_size(text.function_call)
    if text.audio is not None:
        size += text_bytes(text.audio.transcript)
    return size


def _content_size(content: Any) -> int:
    return sum(map(text_bytes, read_content(content))) if isinstance(content, list) else text_bytes(content)


def _call_size(function: _Function | None) -> int:
    return 0 if function is None else text_bytes(function.name) + text_bytes(function.arguments)


WIRE = ChatWire()
