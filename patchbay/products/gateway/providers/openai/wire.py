"""The part of the chat completions format that we read and write (platform.openai.com/docs/api-reference/chat)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from patchbay.products.gateway.engine.contracts import ChatRequest, FinishReason, TokenUsage
from patchbay.products.gateway.errors import ModelBrokenError

MAX_EVENT_BYTES = 1024 * 1024
_REASONS: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}


class PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: PromptDetails | None = None


class ChunkDelta(msgspec.Struct):
    content: str | None = None


class Choice(msgspec.Struct):
    delta: ChunkDelta | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    """One event of a stream; `error` is how compatible servers report a failure in its midst."""

    choices: list[Choice] = []
    usage: Usage | None = None
    error: Any = None


_chunks = msgspec.json.Decoder(Chunk)


def encode_request(request: ChatRequest, *, limit_field: str) -> bytes:
    """Return the body of a streaming call that asks for its usage; `limit_field` names the output limit."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        limit_field: request.max_output_tokens,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    return msgspec.json.encode(body)


def decode_chunk(data: bytes) -> Chunk:
    """Read one event's data; ModelBrokenError when it is not a chunk or reports a failure."""
    try:
        chunk = _chunks.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelBrokenError("The model provider sent an event that cannot be read.") from error
    if chunk.error is not None:
        raise ModelBrokenError("The model provider reported a failure in the midst of its answer.")
    return chunk


def to_usage(usage: Usage) -> TokenUsage:
    """Return the provider's own count, kept sound: no negatives, and no more cached than there was."""
    prompt = max(0, usage.prompt_tokens)
    cached = (usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens) or 0
    return TokenUsage(prompt, max(0, usage.completion_tokens), cached=min(max(0, cached), prompt))


def to_reason(reason: str) -> FinishReason:
    return _REASONS.get(reason, "stop")


class EventReader:
    """Cuts a byte stream into the data of server-sent events, however the network split it."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the data of each event line that is now whole; the format has one `data:` line for each event."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_EVENT_BYTES:
            raise ModelBrokenError("The model provider sent an event of unbounded size.")
        for line in lines:
            if line.startswith(b"data:") and (data := line[5:].strip()):
                yield data
