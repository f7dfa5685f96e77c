"""OpenAI's embeddings (platform.openai.com/docs/api-reference/embeddings): text or tokens in, vectors out.

Everything passes through; floats and base64 are the provider's, and what follows is never a stream.
"""

from typing import Any

import msgspec

from patchbay.lib.errors import AppError
from patchbay.products.gateway.wire import openai_errors
from patchbay.products.gateway.wire.contracts import Format, Head, StreamReader, Target, TokenUsage, WholeAnswer
from patchbay.products.gateway.wire.reading import decode_answer, decode_request, invalid, raw_bodies
from patchbay.products.gateway.wire.sse import write_data


class _Request(msgspec.Struct, gc=False):
    model: str
    input: str | list[str | int | list[int]]


class _Usage(msgspec.Struct, gc=False):
    """A provider's count; some have nothing but a total, which is of the prompt alone."""

    prompt_tokens: int | None = None
    total_tokens: int | None = None


class _Embedding(msgspec.Struct, gc=False):
    embedding: msgspec.Raw


class _Answer(msgspec.Struct, gc=False):
    data: list[_Embedding]
    usage: _Usage | None = None


_requests = msgspec.json.Decoder(_Request)
_answers = msgspec.json.Decoder(_Answer)


class EmbeddingsWire:
    """The embeddings format; a request's bytes bound its tokens, and it writes none (`max_output_tokens` 0)."""

    name: Format = "embeddings"
    path = "/embeddings"

    def read(self, body: bytes) -> Head:
        """Read what the engine must know; everything else is the provider's to check."""
        request = decode_request(_requests, body)
        if not request.model:
            raise invalid("model", "Name a model.")
        if not request.input:
            raise invalid("input", "There is nothing to embed.")
        return Head(model=request.model, max_output_tokens=0)

    def prepare(self, body: bytes, head: Head, target: Target) -> bytes:
        """Write the upstream's body: only the model's name is ours."""
        fields: dict[str, Any] = decode_request(raw_bodies, body)
        fields["model"] = target.model
        return msgspec.json.encode(fields)

    def read_answer(self, body: bytes) -> WholeAnswer:
        """Read an answer's usage."""
        answer = decode_answer(_answers, body)
        usage = answer.usage or _Usage()
        prompt = usage.total_tokens if usage.prompt_tokens is None else usage.prompt_tokens
        return WholeAnswer(None if prompt is None else TokenUsage(prompt, 0).sound(), 0)

    def reader(self, head: Head) -> StreamReader:
        raise RuntimeError("Embeddings are not streamed.")

    def error_body(self, error: AppError, request_id: str) -> bytes:
        return openai_errors.error_body(error)

    def error_event(self, error: AppError, request_id: str, after: bytes = b"") -> bytes:
        return write_data({"error": openai_errors.describe(error)})


WIRE = EmbeddingsWire()
