"""The one error table: every refusal is an AppError; doors render it (problem+json, page, OpenAI shape)."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404


@dataclass(frozen=True, slots=True)
class FieldError:
    """A fault in one named input: `field` is a dotted path, as the caller wrote it."""

    field: str
    message: str


class AppError(Exception):
    """A refusal or failure that a caller may see.

    `status` is the HTTP status, `code` the stable machine name, `title` the short human one. The message says
    what happened; `next_step` what to do, by default the `advice` of its kind; `retry_after` seconds after which
    trying again makes sense; `headers` what an answer with it carries besides.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong"
    advice: ClassVar[str | None] = "Try again; if it stays so, tell whoever runs this Patchbay when it happened."

    def __init__(
        self,
        message: str = "",
        *,
        next_step: str | None = None,
        fields: tuple[FieldError, ...] = (),
        retry_after: float | None = None,
        extra: dict[str, Any] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message or self.title)
        self.message = message or self.title
        self.next_step = next_step or self.advice
        self.fields = fields
        self.retry_after = retry_after
        self.extra = extra or {}
        self.headers = tuple(headers)


class BadRequestError(AppError):
    status, code, title = 400, "bad_request", "The request could not be read"
    advice = "Compare the request with the documentation of the operation."


class UnknownHostError(BadRequestError):
    code, title = "unknown_host", "This Patchbay does not answer to that name"
    advice = "Use its own address; whoever runs it can add names with PATCHBAY_ALLOWED_HOSTS."


class UnauthenticatedError(AppError):
    status, code, title = 401, "unauthenticated", "A valid API key is needed"
    advice = "Send a valid API key in the Authorization header, as a bearer token."


class ForbiddenError(AppError):
    status, code, title = 403, "forbidden", "Your role or key does not allow this"
    advice = "Ask an owner of the organisation for what you need."


class NotFoundError(AppError):
    status, code, title = 404, "not_found", "There is no such thing here"
    advice = "Check the address and the id; the lists show what is there."


class MethodNotAllowedError(AppError):
    status, code, title = 405, "method_not_allowed", "This address does not take that method"
    advice = "Use a method that the Allow header names."


class ConflictError(AppError):
    status, code, title = 409, "conflict", "This clashes with what is there"
    advice = "Read the thing again as it is now, then decide."


class TooLargeError(AppError):
    status, code, title = 413, "too_large", "This is larger than allowed"
    advice = "Send less at once."


class UnsupportedMediaError(AppError):
    status, code, title = 415, "unsupported_media_type", "This kind of content is not accepted"
    advice = "Send a kind of content that the operation takes."


class InvalidError(AppError):
    status, code, title = 422, "invalid", "Some of the input is not right"
    advice = "Correct what is named and send it again."


class RateLimitedError(AppError):
    """`whose` rate it was is for the log; no client is told."""

    status, code, title = 429, "rate_limited", "Too many requests"
    advice = "Wait for the seconds that Retry-After names, then send it again."

    def __init__(self, message: str = "", *, whose: object = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.whose = whose


class UnavailableError(AppError):
    status, code, title = 503, "unavailable", "Patchbay cannot answer right now"
    advice = "Try again in a moment."


def problem(error: AppError, *, request_id: str | None = None) -> dict[str, Any]:
    """Return the RFC 9457 problem details of an error, as sent with `application/problem+json`."""
    body: dict[str, Any] = {
        "type": f"/docs/errors#{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.message,
        "code": error.code,
    }
    if error.next_step:
        body["next_step"] = error.next_step
    if error.fields:
        body["errors"] = [{"field": fault.field, "message": fault.message} for fault in error.fields]
    if request_id:
        body["request_id"] = request_id
    return body | error.extra


def from_exception(error: Exception) -> AppError:
    """Return the AppError that stands for any exception: a database that is away is 503, never 401 or 500."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, OperationalError | InterfaceError):
        return UnavailableError("The database does not answer; nothing was charged.", retry_after=2)
    if _is_redis(error):
        return UnavailableError("The shared state does not answer; nothing was charged.", retry_after=2)
    if isinstance(error, Http404 | ObjectDoesNotExist):
        return NotFoundError()
    if isinstance(error, PermissionDenied):
        return ForbiddenError()
    return AppError("This is our fault, not yours; nothing was charged.")


def _is_redis(error: Exception) -> bool:
    """Whether Redis failed, without importing its package where nobody uses it: the cache of pages may be there."""
    package = sys.modules.get("redis")
    return package is not None and isinstance(error, package.RedisError)
