"""Refusals of the ledger."""

from patchbay.lib.errors import AppError, ConflictError, UnavailableError
from patchbay.lib.money import to_text


class InsufficientCreditsError(AppError):
    """Nothing that the organisation has, leased or not, covers the hold."""

    status, code, title = 402, "insufficient_credits", "The organisation has too few credits for this"
    advice = "Buy credits, or wait for the next monthly allowance."


def insufficient(amount_micro: int, available_micro: int) -> InsufficientCreditsError:
    """Build the refusal of a hold of `amount_micro` against what was free."""
    return InsufficientCreditsError(
        f"This can cost up to {to_text(amount_micro)} credits; {to_text(max(0, available_micro))} are free.",
        next_step="Buy credits or wait for the next monthly allowance: /billing/credits",
        extra={"required": to_text(amount_micro), "available": to_text(max(0, available_micro))},
    )


class HoldClosedError(ConflictError):
    """The hold was settled with another amount, released, or has expired."""

    code, title = "hold_closed", "This hold is no longer open"


class KeyReusedError(ConflictError):
    """An idempotency key came again with other contents."""

    code, title = "idempotency_key_reused", "This idempotency key was used for something else"
    advice = "Use a new idempotency key for a new request."


class FencedError(UnavailableError):
    """This process was taken for dead and its leases were returned: what it held may not be spent any more."""

    code, title = "fenced", "The server was interrupted; nothing was charged"
