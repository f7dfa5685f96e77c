"""Refusals of usage: claims on idempotency keys."""

from patchbay.lib.errors import ConflictError, InvalidError


class RequestInFlightError(ConflictError):
    """The same request, by its Idempotency-Key, is being answered now."""

    code, title = "request_in_flight", "This request is being answered already"
    advice = "Wait for its answer, or send it again in a moment with the same key."


class IdempotencyMismatchError(InvalidError):
    """An Idempotency-Key came again with another body."""

    code, title = "idempotency_mismatch", "This Idempotency-Key was used with another request"
    advice = "Use a new idempotency key for a new request."
