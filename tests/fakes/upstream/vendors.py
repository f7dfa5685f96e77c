"""The two vendors: which operations they have, what they refuse and how they say so."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tests.fakes.vendors import anthropic_messages, openai_chat, openai_lists, openai_responses
from tests.fakes.vendors.answers import Answer, encode
from tests.fakes.vendors.checks import ANTHROPIC_KEY, OPENAI_KEY, check_anthropic, check_openai
from tests.fakes.vendors.model import Reply

Kind = Literal["openai", "anthropic"]
Body = dict[str, Any]


class Error(Protocol):
    """The body of a refusal, in the vendor's shape."""

    def __call__(self, status: int, message: str, field: str | None = None, code: str | None = None) -> bytes: ...


@dataclass(frozen=True)
class Vendor:
    """`base_path` is what a base URL for its SDK ends in; `operations` answer a body."""

    base_path: str
    api_key: str
    check: Callable[[str, dict[str, str], Body | None], None]
    operations: dict[str, Callable[[Body, Reply | None], Answer]]
    models: Callable[[list[str]], Answer]
    listed: tuple[str, ...]
    error: Error
    error_event: bytes
    """What stands in a stream that fails."""
    id_header: str


_OPENAI_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def _openai_error(status: int, message: str, field: str | None = None, code: str | None = None) -> bytes:
    kind = _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return encode({"error": {"message": message, "type": kind, "param": field, "code": code}})


def _anthropic_error(status: int, message: str, field: str | None = None, code: str | None = None) -> bytes:
    kind = _ANTHROPIC_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return encode({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_refused"})


VENDORS: dict[Kind, Vendor] = {
    "openai": Vendor(
        base_path="/v1",
        api_key=OPENAI_KEY,
        check=check_openai,
        operations={
            "chat/completions": openai_chat.answer,
            "responses": openai_responses.answer,
            "embeddings": lambda body, reply: openai_lists.embed(body),
        },
        models=openai_lists.models,
        listed=("gpt", "embed"),
        error=_openai_error,
        error_event=b"data: " + _openai_error(500, "The server had an error.") + b"\n\n",
        id_header="x-request-id",
    ),
    "anthropic": Vendor(
        base_path="",
        api_key=ANTHROPIC_KEY,
        check=check_anthropic,
        operations={
            "messages": anthropic_messages.answer,
            "messages/count_tokens": lambda body, reply: anthropic_messages.count_tokens(body),
        },
        models=anthropic_messages.models,
        listed=("claude",),
        error=_anthropic_error,
        error_event=b"event: error\ndata: " + _anthropic_error(529, "Overloaded") + b"\n\n",
        id_header="request-id",
    ),
}
