"""Refusals of the ledger."""

from datetime import datetime

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


class CapReachedError(AppError):
    """A cap on what may be spent in a month leaves too little for the hold; the balance was not asked."""

    status, code, title = 402, "cap_reached", "A monthly cap is reached"
    advice = "Wait for the next month, or have an owner or editor raise the cap."


class KeyCapError(CapReachedError):
    """The key's monthly cap."""

    code, title = "key_cap_reached", "This key has reached its monthly cap"


class BudgetError(CapReachedError):
    """The organisation's monthly budget."""

    code, title = "budget_reached", "The organisation has reached its monthly budget"


def cap_reached(
    scope: str, cap_micro: int, renews_at: datetime, *, amount_micro: int, left_micro: int
) -> CapReachedError:
    """Build the refusal of a hold of `amount_micro` by a cap of which `left_micro` are free."""
    kind, whose, page = (
        (KeyCapError, "key's monthly cap", "/api-keys")
        if scope == "key"
        else (BudgetError, "organisation's monthly budget", "/usage")
    )
    left, renews = to_text(max(0, left_micro)), renews_at.isoformat().replace("+00:00", "Z")
    return kind(
        f"This can cost up to {to_text(amount_micro)} credits; of the {whose} of {to_text(cap_micro)}"
        f" {left} are left. It renews on {renews_at:%-d %B %Y}, 00:00 UTC.",
        next_step=f"Wait for the next month, or have an owner or editor raise it: {page}",
        extra={"required": to_text(amount_micro), "cap": to_text(cap_micro), "left": left, "renews_at": renews},
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
