"""Errors as Anthropic's doors show them (docs.anthropic.com/en/api/errors)."""

from typing import Any

from patchbay.lib.errors import AppError
from patchbay.products.gateway.wire.openai_errors import tell

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def describe(error: AppError, request_id: str) -> dict[str, Any]:
    """Return the whole body of an error."""
    kind = _TYPES.get(error.status) or ("api_error" if error.status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": tell(error)}, "request_id": request_id}
