"""The credits that a plan gives each month.

Here, because plans and ledger stand beside each other and know nothing of one another. Months are counted from the
assignment's anchor, in UTC. A month's allowance is given once: what a change of plan within a month is worth is a
matter of its payment.
"""

import logging
from datetime import datetime

from django.utils import timezone

from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.ledger.errors import KeyReusedError
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans.contracts import Assignment, period_at

_PAGE = 500
_log = logging.getLogger(__name__)


def grant_allowance(assignment: Assignment, at: datetime) -> None:
    """Give an organisation the allowance of the month that holds `at`; does nothing when it has it."""
    amount = assignment.plan.monthly_credits_micro
    if not amount:
        return
    period = period_at(assignment.anchor, at)
    try:
        ledger.grant(
            organisation_id=assignment.organisation_id,
            amount_micro=amount,
            kind="allowance",
            idempotency_key=f"allowance:{period.start.isoformat()}",
            expires_at=period.end,
            reason=f"{assignment.plan.name} plan, month from {period.start:%-d %B %Y}",
        )
    except KeyReusedError:
        _log.debug("allowance of this month was given on another plan", extra={"id": assignment.organisation_id})


def grant_all(at: datetime | None = None) -> None:
    """Give every organisation its allowance; one that fails is logged, fails alone, and is tried at the next round."""
    now = at or timezone.now()
    after = ""
    while page := plans.list_assignments(after=after, limit=_PAGE):
        for assignment in page:
            try:
                grant_allowance(assignment, now)
            except Exception:
                _log.exception("allowance not given", extra={"id": assignment.organisation_id})
        after = page[-1].organisation_id
