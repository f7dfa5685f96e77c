"""One HTTP request as a raw route sees it."""

import re
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec

from patchbay.lib.asgi.types import Headers, Receive, Scope, Send
from patchbay.lib.errors import (
    FieldError,
    InvalidError,
    TooLargeError,
    UnauthenticatedError,
    UnsupportedMediaError,
)
from patchbay.lib.json_text import fault_of

T = TypeVar("T")
BODY_LIMIT = 4 * 1024 * 1024
_MSGSPEC_PATH = re.compile(r" - at `\$\.?(.*)`$")
_MSGSPEC_MISSING = re.compile(r"missing required field `([^`]+)`")
_MSGSPEC_UNKNOWN = re.compile(r"unknown field `([^`]+)`")


class ClientGoneError(Exception):
    """The client closed the connection before its request was read."""


class Request:
    """`headers` has lower-case names as bytes; the last of a repeated header wins.

    `answer_headers` go out with whatever answers the request, an error or a stream too: the rate that is left.
    """

    __slots__ = (
        "_receive",
        "answer_headers",
        "headers",
        "method",
        "path",
        "path_params",
        "request_id",
        "scope",
        "send",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, path_params: dict[str, str]) -> None:
        self.scope = scope
        self.send = send
        self._receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.path_params = path_params
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id: str = scope["state"]["request_id"]
        self.answer_headers: Headers = [(b"x-request-id", self.request_id.encode())]

    def header(self, name: bytes) -> str | None:
        """Return a header's text by its lower-case name."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def query(self) -> dict[str, str]:
        """The query string; the first of a repeated parameter wins."""
        return {name: values[0] for name, values in parse_qs(self.scope["query_string"].decode("latin-1")).items()}

    @property
    def client_address(self) -> str | None:
        client = self.scope.get("client")
        return client[0] if client else None

    def bearer_token(self) -> str:
        """Return the bearer credential; UnauthenticatedError when there is none."""
        scheme, _, token = (self.header(b"authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthenticatedError(
                "The request carries no API key.",
                next_step="Send it as `Authorization: Bearer sme_live_…`; make one on the API keys page.",
            )
        return token.strip()

    @property
    def declared_length(self) -> int:
        """The size that the client says its body has; 0 when it does not say."""
        declared = self.headers.get(b"content-length", b"")
        return int(declared) if declared.isdigit() else 0

    async def body(self, limit: int = BODY_LIMIT) -> bytes:
        """Read the whole body; TooLargeError above `limit` bytes, before the rest is read."""
        if self.declared_length > limit:
            raise too_large(limit)
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            chunks.append(chunk)
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def decode(self, shape: type[T], limit: int = BODY_LIMIT) -> T:
        """Read a JSON body of the given msgspec shape; the error names the field that is wrong."""
        self.require_json()
        return decode_json(await self.body(limit), shape)

    def require_json(self) -> None:
        """Raise UnsupportedMediaError when the body is declared to be something else than JSON."""
        content_type = (self.header(b"content-type") or "application/json").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise UnsupportedMediaError(
                f"The body is {content_type!r}, not JSON.", next_step="Send `Content-Type: application/json`."
            )

    async def wait_for_disconnect(self) -> None:
        """Return when the client has closed the connection; call only after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def decode_json(body: bytes, shape: type[T]) -> T:
    """Decode JSON into `shape`: BadRequestError when it is not JSON, InvalidError naming the field otherwise.

    A text that is no text (half a surrogate pair, bytes that are not UTF-8) is named by its field too.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise InvalidError("Some of the body is not right.", fields=(_field_error(str(error)),)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise fault_of(body, error) from None


def _field_error(message: str) -> FieldError:
    path = match[1] if (match := _MSGSPEC_PATH.search(message)) else ""
    text = _MSGSPEC_PATH.sub("", message)
    for pattern, words in ((_MSGSPEC_MISSING, "is required"), (_MSGSPEC_UNKNOWN, "is not a known field")):
        if found := pattern.search(text):
            return FieldError(f"{path}.{found[1]}".lstrip("."), words)
    return FieldError(path or "body", text)


def too_large(limit: int) -> TooLargeError:
    """The refusal of a body above `limit` bytes."""
    return TooLargeError(
        f"The body is larger than {limit:,} bytes.",
        next_step=f"Send at most {limit:,} bytes, or in several requests.",
        extra={"limit_bytes": limit},
    )


def json_bytes(value: Any) -> bytes:
    """Encode an answer."""
    return msgspec.json.encode(value)
