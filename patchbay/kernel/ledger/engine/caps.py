"""Budgets: caps on what may be spent in a calendar month (UTC). Each month of a budget is a ledger account of its own.

The account of a month is funded once, with the cap, when a process first leases from it. From then on it is leased,
recalled, held and settled like the balance of an organisation, so that a cap is as exact as that, over any number of
processes. Months share no account: what holds of one month leave over is not spent in another, and a clock that is a
little off merely chooses the neighbouring month. An account's name stands where an organisation's id does.
"""

import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from django.db.models import Sum

from patchbay.kernel.ledger.contracts import CAP_PREFIX, Cap, cap_account, month_end, month_start
from patchbay.kernel.ledger.engine import moves
from patchbay.kernel.ledger.models import Budget, Clawback, Lot

# Calls that were held in time settle after the month; what is left then is of no use to anyone.
KEPT_AFTER = timedelta(days=2)
_month: tuple[float, float, str] = (0.0, 0.0, "")  # from and to when (seconds since 1970), and the suffix


def account_now(budget_id: str) -> str:
    """Return the account of the month under way, by this machine's clock; for every request, so without a date."""
    global _month
    begins, ends, suffix = _month
    now = time.time()
    if not begins <= now < ends:
        at = datetime.fromtimestamp(now, UTC)
        suffix = cap_account("", at)[len(CAP_PREFIX) :]
        _month = (month_start(at).timestamp(), month_end(at).timestamp(), suffix)
    return f"{CAP_PREFIX}{budget_id[-32:]}{suffix}"


def fund(accounts: Collection[str], now: datetime) -> dict[str, Cap]:
    """Put its cap into each account unless that was done, and return the caps; under the accounts' locks."""
    if not accounts:
        return {}
    rows = Budget.objects.in_bulk({_budget_of(account) for account in accounts})
    lots = Lot.objects.filter(organisation_id__in=accounts)
    funded = set(lots.values_list("organisation_id", flat=True).distinct())
    found = {}
    for account in accounts:
        row = rows.get(_budget_of(account))
        cap = 0 if row is None else row.cap_micro or 0  # one taken away a moment ago: nobody who knows asks any more
        if cap and account not in funded:
            _add(account, cap, now)
        found[account] = Cap("key" if row is None else row.scope, cap, _end_of(account))
    return found


def change(account: str, cap_micro: int, now: datetime) -> int:
    """Give the month under way another cap, under the account's lock, if it was funded.

    Returns what is to be taken back: more than is free of it stays owed, so that it is taken as it becomes free.
    """
    lots = Lot.objects.filter(organisation_id=account)
    granted = lots.aggregate(total=Sum("amount_micro"))["total"]
    if granted is None:
        return 0
    taken = Clawback.objects.filter(organisation_id=account).aggregate(total=Sum("amount_micro"))["total"] or 0
    more: int = cap_micro - (granted - taken)
    if more > 0:
        _add(account, more, now)
    return max(0, -more)


def _add(account: str, amount_micro: int, now: datetime) -> None:
    moves.issue(
        account,
        amount_micro,
        now,
        kind="cap",
        priority=0,
        key=moves.new_key(),
        expires_at=_end_of(account) + KEPT_AFTER,
    )


def _budget_of(account: str) -> str:
    return f"budget_{account[len(CAP_PREFIX) : -4]}"


def _end_of(account: str) -> datetime:
    return month_end(datetime.strptime(account[-4:], "%y%m").replace(tzinfo=UTC))
