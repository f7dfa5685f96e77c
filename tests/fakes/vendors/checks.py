"""What the vendors refuse. The shapes are their own: the request types of their official packages, nothing extra."""

from typing import Any

from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsBase
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from pydantic import TypeAdapter, ValidationError

Body = dict[str, Any]
OPENAI_KEY = "sk-upstream-0123456789"
ANTHROPIC_KEY = "sk-ant-upstream-0123456789"
VERSIONS = {"2023-06-01", "2026-10-21"}
SAMPLING = {"temperature", "top_p", "top_k"}
_SHAPES: dict[str, TypeAdapter[Any]] = {
    "chat/completions": TypeAdapter(CompletionCreateParamsBase),
    "responses": TypeAdapter(ResponseCreateParamsBase),
    "embeddings": TypeAdapter(EmbeddingCreateParams),
    "messages": TypeAdapter(MessageCreateParamsBase),
    "messages/count_tokens": TypeAdapter(MessageCountTokensParams),
}
_INPUT = str | list[str] | list[int] | list[list[int]]


class RefusedError(Exception):
    """A call that the vendor refuses; `field` is where it is wrong, as far as one field is."""

    def __init__(self, status: int, message: str, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.field, self.code = status, message, field, code


def check_openai(operation: str, headers: dict[str, str], body: Body | None) -> None:
    if headers.get("authorization") != f"Bearer {OPENAI_KEY}":
        raise RefusedError(401, "Incorrect API key provided.", code="invalid_api_key")
    if body is None:
        return
    _check_json(headers)
    body = dict(body)
    streams = body.pop("stream", False)
    if "stream_options" in body and not streams:
        raise RefusedError(400, "stream_options needs stream.", "stream_options")
    _check_shape(operation, body)
    if not 0 <= (body.get("temperature") or 0) <= 2:
        raise RefusedError(400, "temperature: not between 0 and 2.", "temperature", "decimal_above_max_value")
    if operation == "chat/completions":
        _check_chat(body)


def _check_chat(body: Body) -> None:
    if "max_tokens" in body and "max_completion_tokens" in body:
        raise RefusedError(400, "Give one output limit.", "max_tokens")
    open_calls: set[str] = set()
    for number, message in enumerate(body["messages"]):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise RefusedError(400, "A tool message without its call.", f"messages.[{number}].role")
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            raise RefusedError(400, f"Calls without results: {open_calls}.", f"messages.[{number}].role")
        open_calls = {call["id"] for call in message.get("tool_calls") or ()}
    if open_calls:
        raise RefusedError(400, f"Calls without results: {open_calls}.", "messages")


def check_anthropic(operation: str, headers: dict[str, str], body: Body | None) -> None:
    keys = [headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer ") or None]
    if [key for key in keys if key] != [ANTHROPIC_KEY]:
        raise RefusedError(401, "invalid x-api-key")
    if headers.get("anthropic-version") not in VERSIONS:
        raise RefusedError(400, "anthropic-version: header is required")
    if body is None:
        return
    _check_json(headers)
    body = dict(body)
    body.pop("stream", None)
    if headers["anthropic-version"] == "2023-06-01":
        body = {name: value for name, value in body.items() if name not in SAMPLING}
    _check_shape(operation, body)
    _check_results(body["messages"])


def _check_results(messages: list[Body]) -> None:
    """Each tool result answers a call of the turn before, and each call has its result in the turn after."""
    open_calls: set[str] = set()
    for number, message in enumerate(messages):
        blocks = message["content"] if isinstance(message["content"], list) else []
        results = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        if results != open_calls:
            raise RefusedError(400, f"messages.{number}: tool results {results}, calls {open_calls}")
        open_calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
    if open_calls:
        raise RefusedError(400, f"messages: calls without results: {open_calls}")


def _check_json(headers: dict[str, str]) -> None:
    if headers.get("content-type", "").partition(";")[0] != "application/json":
        raise RefusedError(415, "Content-Type is not application/json.")


def _check_shape(operation: str, body: Body) -> None:
    try:
        if operation == "embeddings":  # told apart by what is in it, which its lazy iterables do not look at
            body = body | {"input": TypeAdapter(_INPUT).validate_python(body.get("input"))[0]}
        if operation == "responses":
            body = _with_defaults(body)
        _exhaust(_SHAPES[operation].validate_python(body, extra="forbid"))
    except ValidationError as error:
        fault = error.errors()[0]
        path = ".".join(str(part) for part in fault["loc"])
        raise RefusedError(400, f"{path}: {fault['msg']}", str(fault["loc"][0])) from error


def _with_defaults(body: Body) -> Body:
    """Add what the vendor lets be left out, though its package's types do not."""
    body = body | {"tools": [{"strict": True} | tool for tool in body.get("tools") or ()]}
    if isinstance(body.get("input"), list):
        body["input"] = [_with_detail(item) for item in body["input"]]
    return body


def _with_detail(item: Body) -> Body:
    if not isinstance(item.get("content"), list):
        return item
    parts = [{"detail": "auto"} | part if part["type"] == "input_image" else part for part in item["content"]]
    return item | {"content": parts}


def _exhaust(value: Any) -> None:
    """Walk everything: iterables are checked as they are read."""
    if isinstance(value, dict):
        for inner in value.values():
            _exhaust(inner)
    elif not isinstance(value, str | bytes | int | float | None):
        for inner in value:
            _exhaust(inner)
