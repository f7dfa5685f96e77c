"""Everything the client raises, in one tree under `SMEPlugError`.

`APIError` and its children carry what the server said (RFC 9457 problem details); `APIConnectionError` and
its children say that no whole answer arrived. None of them ever holds the API key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smeplug.models import Document


class SMEPlugError(Exception):
    """The base of everything this package raises on purpose."""


class ConfigurationError(SMEPlugError, ValueError):
    """The client was set up wrongly: no API key, or a malformed key or base URL."""


class InvalidResponseError(SMEPlugError):
    """The server answered with success, but not in the documented shape (often a proxy in between)."""


class StreamNotFinishedError(SMEPlugError):
    """`stream.answer` was read before the stream had reached its end."""


class DocumentTimeoutError(SMEPlugError, TimeoutError):
    """A document was still being processed when `documents.wait` ran out of time."""

    def __init__(self, document: Document, timeout: float) -> None:
        super().__init__(document, timeout)
        self.document = document
        self.timeout = timeout

    def __str__(self) -> str:
        return f"document {self.document.id} is still {self.document.status} after {self.timeout:g} s"


class APIConnectionError(SMEPlugError):
    """The server could not be reached, or the connection broke before the whole answer was there."""


class APITimeoutError(APIConnectionError):
    """The server did not answer within the client's `timeout`."""


class StreamInterruptedError(APIConnectionError):
    """A stream ended before its `done` event. What it yielded so far is not an answer.

    Ask again with the same `idempotency_key` and the question is not charged twice.
    """

    def __init__(self, message: str, idempotency_key: str | None = None, request_id: str | None = None) -> None:
        super().__init__(message, idempotency_key, request_id)
        self.message = message
        self.idempotency_key = idempotency_key
        self.request_id = request_id

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class FieldError:
    """One field that the server refused, and why."""

    field: str
    message: str


class APIError(SMEPlugError):
    """The server refused or failed the request.

    `status` is the HTTP status, `code` the stable machine-readable name, `title` and `detail` are for people,
    `request_id` is what support asks for, `problem` the whole problem document, `retry_after` seconds if the
    server named a time.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        request_id: str | None = None,
        problem: Mapping[str, object] | None = None,
        retry_after: float | None = None,
    ) -> None:
        # All of them go to `args`, so that the error can be pickled (process pools, task queues).
        super().__init__(status, code, title, detail, request_id, problem, retry_after)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.request_id = request_id
        self.problem: Mapping[str, object] = problem or {}
        self.retry_after = retry_after

    @property
    def next_step(self) -> str | None:
        """What to do about it, where the server said so."""
        step = self.problem.get("next_step")
        return step if isinstance(step, str) else None

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """The refused fields, where the server named any."""
        listed = self.problem.get("errors")
        if not isinstance(listed, list):
            return ()
        return tuple(
            FieldError(str(each.get("field", "")), str(each.get("message", "")))
            for each in listed
            if isinstance(each, dict)
        )

    def __str__(self) -> str:
        text = f"{self.status} {self.code}: {self.detail or self.title}"
        if self.errors:
            text += " [" + "; ".join(f"{each.field}: {each.message}" for each in self.errors) + "]"
        return f"{text} (request {self.request_id})" if self.request_id else text


class ValidationError(APIError):
    """400, 413, 415, 422: the request itself is wrong; `errors` names the fields."""


class AuthenticationError(APIError):
    """401: the key is unknown, revoked or expired."""


class InsufficientCreditsError(APIError):
    """402: the organisation's credits do not cover the request."""


class PermissionDeniedError(APIError):
    """403: the key may not do this."""


class NotFoundError(APIError):
    """404: it does not exist, or not for this organisation."""


class ConflictError(APIError):
    """409: it clashes with what is there, such as a slug in use or a reused idempotency key."""


class RateLimitError(APIError):
    """429: too many requests; `retry_after` says how many seconds to wait."""


class ServerError(APIError):
    """5xx: the server failed."""


class ServiceUnavailableError(ServerError):
    """503: the server cannot serve right now."""


ERROR_BY_STATUS: Mapping[int, type[APIError]] = {
    400: ValidationError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: ValidationError,
    415: ValidationError,
    422: ValidationError,
    429: RateLimitError,
    503: ServiceUnavailableError,
}
