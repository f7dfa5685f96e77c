"""Errors as OpenAI's doors show them (platform.openai.com/docs/guides/error-codes): chat, responses, embeddings."""

from typing import Any

import msgspec

from patchbay.lib.errors import AppError
from patchbay.products.gateway.errors import ProviderRefusedError

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}


def describe(error: AppError) -> dict[str, Any]:
    """Return what stands under `error`; `param` is the first field at fault, `code` our stable one."""
    return {
        "message": tell(error),
        "type": _TYPES.get(error.status) or ("server_error" if error.status >= 500 else "invalid_request_error"),
        "param": error.fields[0].field if error.fields else None,
        "code": error.code,
    }


def tell(error: AppError) -> str:
    """Return what happened and what to do, in one line: these formats have no other place for the next step.

    A provider's refusal of the client's own request keeps the provider's words.
    """
    if error.next_step and not isinstance(error, ProviderRefusedError):
        return f"{error.message} {error.next_step}"
    return error.message


def error_body(error: AppError) -> bytes:
    return msgspec.json.encode({"error": describe(error)})
