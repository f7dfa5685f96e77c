"""Anthropic's count of a prompt's tokens (docs.claude.com/en/api/messages-count-tokens): free, and never a stream."""

from typing import Any

import msgspec

from patchbay.lib.errors import AppError
from patchbay.products.gateway.wire.contracts import Format, Head, StreamReader, Target, WholeAnswer
from patchbay.products.gateway.wire.messages import WIRE as MESSAGES
from patchbay.products.gateway.wire.reading import decode_answer, decode_request, invalid, raw_bodies


class _Request(msgspec.Struct, gc=False):
    model: str
    messages: list[dict[str, Any]]


class _Answer(msgspec.Struct, gc=False):
    input_tokens: int


_requests = msgspec.json.Decoder(_Request)
_answers = msgspec.json.Decoder(_Answer)


class CountTokensWire:
    """Counts messages; what it asks of a provider is free there."""

    name: Format = "count_tokens"
    path = "/v1/messages/count_tokens"

    def read(self, body: bytes) -> Head:
        request = decode_request(_requests, body)
        if not request.model:
            raise invalid("model", "Name a model.")
        return Head(model=request.model, max_output_tokens=0)

    def prepare(self, body: bytes, head: Head, target: Target) -> bytes:
        fields: dict[str, Any] = decode_request(raw_bodies, body)
        fields["model"] = target.model
        return msgspec.json.encode(fields)

    def read_answer(self, body: bytes) -> WholeAnswer:
        decode_answer(_answers, body)
        return WholeAnswer(None, 0)

    def reader(self, head: Head) -> StreamReader:
        raise RuntimeError("A count is not streamed.")

    def error_body(self, error: AppError, request_id: str) -> bytes:
        return MESSAGES.error_body(error, request_id)

    def error_event(self, error: AppError, request_id: str, after: bytes = b"") -> bytes:
        return MESSAGES.error_event(error, request_id)


WIRE = CountTokensWire()
