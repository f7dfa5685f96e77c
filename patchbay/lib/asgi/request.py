"""One HTTP request as a raw route sees it."""

import re
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs

import msgspec

from patchbay.lib.asgi.channel import AsgiChannel, Channel
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


class Request:
    """`headers` has lower-case names as bytes; the last of a repeated header wins.

    `answer_headers` go out with whatever answers the request, an error or a stream too: the rate that is left.
    `query_string` is as it came, `client_address` the client's IP address where it is known.
    """

    __slots__ = (
        "answer_headers",
        "channel",
        "client_address",
        "headers",
        "method",
        "path",
        "path_params",
        "query_string",
        "request_id",
    )

    def __init__(
        self,
        channel: Channel,
        method: str,
        path: str,
        headers: Headers,
        *,
        request_id: str,
        path_params: dict[str, str],
        query_string: bytes = b"",
        client_address: str | None = None,
    ) -> None:
        self.channel = channel
        self.method = method
        self.path = path
        self.path_params = path_params
        self.headers = dict(headers)
        self.query_string = query_string
        self.client_address = client_address
        self.request_id = request_id
        self.answer_headers: Headers = [(b"x-request-id", request_id.encode())]

    @classmethod
    def from_scope(cls, scope: Scope, receive: Receive, send: Send, path_params: dict[str, str]) -> Self:
        """Return the request of an ASGI scope that has its id in `state`."""
        client = scope.get("client")
        return cls(
            AsgiChannel(receive, send),
            scope["method"],
            scope["path"],
            scope["headers"],
            request_id=scope["state"]["request_id"],
            path_params=path_params,
            query_string=scope["query_string"],
            client_address=client[0] if client else None,
        )

    def header(self, name: bytes) -> str | None:
        """Return a header's text by its lower-case name."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def query(self) -> dict[str, str]:
        """The query string; the first of a repeated parameter wins."""
        return {name: values[0] for name, values in parse_qs(self.query_string.decode("latin-1")).items()}

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
        body, more = await self.channel.piece()
        if more:
            pieces, size = [body], len(body)
            while more and size <= limit:
                piece, more = await self.channel.piece()
                pieces.append(piece)
                size += len(piece)
            body = b"".join(pieces)
        if len(body) > limit:
            raise too_large(limit)
        return body

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
