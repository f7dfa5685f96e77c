"""One request to the API as a value: what to send, and how to read what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote

from smeplug._arguments import text
from smeplug._upload import Upload
from smeplug._version import __version__
from smeplug.errors import InvalidResponseError

T = TypeVar("T")
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
USER_AGENT = f"smeplug-python/{__version__}"


@dataclass(frozen=True)
class Reply:
    """A whole successful response."""

    body: bytes
    content_type: str
    request_id: str | None

    def json(self) -> object:
        try:
            return json.loads(self.body)
        except ValueError as exc:
            raise InvalidResponseError(f"expected JSON, got {self.content_type or 'no content type'}") from exc


@dataclass(frozen=True)
class Call(Generic[T]):
    """`path` is below the base URL. A call is one intent: its tries share the idempotency key.

    `once`: it is not tried again, because a second one would do more than the first did.
    """

    method: str
    path: str
    parse: Callable[[Reply], T]
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    upload: Upload | None = None
    idempotency_key: str | None = None
    accept: str = JSON
    once: bool = False

    def headers(self) -> dict[str, str]:
        """All headers but the credential, which the transport adds last."""
        headers = {"accept": self.accept, "user-agent": USER_AGENT}
        if self.idempotency_key is not None:
            headers["idempotency-key"] = self.idempotency_key
        if self.upload is not None:
            headers |= self.upload.headers
        elif self.body is not None:
            headers["content-type"] = JSON
        return headers

    def encoded_body(self) -> bytes | None:
        return None if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()


def path_of(*segments: str) -> str:
    """`/v1/…` of literal and given segments; refuses an id that would name another resource."""
    for segment in segments:
        if text("an id", segment) in ("", ".", ".."):
            raise ValueError(f"{segment!r} is not an id")
    return "/v1/" + "/".join(quote(segment, safe="") for segment in segments)


def idempotency_key(given: str | None) -> str:
    """The caller's key, checked to fit a header, or a new one."""
    import uuid

    if given is None:
        return str(uuid.uuid4())
    if not text("idempotency_key", given) or len(given) > 255 or not given.isascii() or not given.isprintable():
        raise ValueError("an idempotency key is 1 to 255 printable ASCII characters")
    return given
