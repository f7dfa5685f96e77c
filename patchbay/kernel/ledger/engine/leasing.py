"""Leases in the database: taking credits for a process and returning what it does not use.

Called by the process's one ledger thread (`usage.writer`), inside one transaction for several organisations.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F, Sum

from patchbay.kernel.ledger.contracts import Taken, Want, is_cap_account
from patchbay.kernel.ledger.engine import caps, moves, processes, recalls
from patchbay.kernel.ledger.models import Lease

# A reserve is at most this share of what is free, so that several processes find something to lease.
RESERVE_SHARE = 8
_RECALLED = "SELECT id, recall_number FROM ledger_lease WHERE process_id = %s AND recall_number > recall_ack"


@transaction.atomic
def take(process_id: str, wants: Iterable[Want]) -> list[Taken]:
    """Lease credits for each Want, in one transaction; FencedError when the process was closed.

    A reserve is added only where plenty is left: near zero a lease is exactly what the waiting holds need.
    """
    processes.check_open(process_id)
    now = moves.database_now()
    return [_take(process_id, want, now) for want in sorted(wants, key=lambda want: want.organisation_id)]


def _take(process_id: str, want: Want, now: datetime) -> Taken:
    account = moves.lock(want.organisation_id)
    cap = caps.fund(want.organisation_id, now) if is_cap_account(want.organisation_id) else None
    free = moves.free_micro(want.organisation_id, now)
    scarce = account.scarce_until is not None and account.scarce_until > now
    served = fitting(want.needs, want.have_micro + free)
    short = len(served) < len(want.needs)
    needed = max(0, sum(served) - want.have_micro)
    spare = 0 if scarce or short else min(want.reserve_micro, (free - needed) // RESERVE_SHARE)
    # A reserve smaller than one more hold would only hide credit from other processes.
    reserve = spare if spare >= max(want.needs, default=0) else 0
    lease, _ = Lease.objects.get_or_create(organisation_id=want.organisation_id, process_id=process_id)
    others = recalls.holders(want.organisation_id, but=lease.id) if short else ()
    if others:
        recalls.mark_scarce(want.organisation_id, now)
    amount = needed + reserve
    usable: float | None = None
    if amount:
        lots = moves.draw(want.organisation_id, lease.id, amount, "lease", now)
        Lease.objects.filter(id=lease.id).update(balance_micro=F("balance_micro") + amount)
        expiries = [lot.expires_at for lot in lots if lot.expires_at]
        usable = (min(expiries) - now).total_seconds() if expiries else None
    return Taken(
        want.organisation_id,
        lease.id,
        amount,
        free - amount,
        short,
        scarce or short or not reserve,
        usable,
        others,
        _leased_micro(want.organisation_id) if short else 0,
        cap,
    )


def _leased_micro(organisation_id: str) -> int:
    rows = Lease.objects.filter(organisation_id=organisation_id)
    return rows.aggregate(total=Sum("balance_micro"))["total"] or 0


def fitting(needs: Sequence[int], free: int) -> list[int]:
    """Return the needs that `free` covers, oldest first; a later one may fit where an earlier one did not."""
    served = []
    for need in needs:
        if need <= free:
            served.append(need)
            free -= need
    return served


@transaction.atomic
def give_back(process_id: str, returns: Iterable[tuple[str, str, int]], acks: dict[str, int]) -> None:
    """Return (organisation, lease, amount) each to its lots and acknowledge recalls; FencedError when closed."""
    processes.check_open(process_id)
    now = moves.database_now()
    for organisation_id, lease_id, amount in sorted(returns):
        if amount:
            moves.lock(organisation_id)
            Lease.objects.filter(id=lease_id).update(balance_micro=F("balance_micro") - amount)
            moves.give_back(organisation_id, lease_id, amount, now)
        if lease_id in acks:
            Lease.objects.filter(id=lease_id).update(recall_ack=acks[lease_id])


def recalled(process_id: str) -> dict[str, int]:
    """Return the process's leases that others ask for, with the number to acknowledge.

    Asked 25 times a second while the process leases anything: raw, and answered from an index that is mostly empty.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RECALLED, [process_id])
        return dict(cursor.fetchall())


def balances(process_id: str) -> dict[str, tuple[str, int]]:
    """Return (lease, stored balance) by organisation: the truth after a failure of unknown outcome."""
    rows = Lease.objects.filter(process_id=process_id).values_list("organisation_id", "id", "balance_micro")
    return {organisation_id: (lease_id, balance) for organisation_id, lease_id, balance in rows}
