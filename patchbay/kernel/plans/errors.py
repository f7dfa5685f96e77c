"""What plans refuse."""

from patchbay.lib.errors import AppError


class PlanLimitError(AppError):
    """The organisation's plan does not include this, or not this many.

    `extra` carries `entitlement`, `plan` and `limit` (absent for a feature) for programs.
    """

    status, code, title = 403, "plan_limit", "Your plan does not include this"
    advice = "Choose a larger plan."
