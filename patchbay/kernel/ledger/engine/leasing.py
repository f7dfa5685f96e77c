"""Leases in the database: taking credits for a process and returning what it does not use.

Called by the process's one ledger thread (`usage.writer`), inside one transaction for several organisations.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Sum

from patchbay.kernel.ledger.contracts import Taken, Want, is_cap_account
from patchbay.kernel.ledger.engine import caps, drawing, moves, processes, recalls
from patchbay.kernel.ledger.engine.drawing import Drawing, FreeLot
from patchbay.kernel.ledger.engine.rows import Additions
from patchbay.kernel.ledger.models import CreditAccount, Lease

# A reserve is at most this share of what is free, so that several processes find something to lease.
RESERVE_SHARE = 8
_RECALLED = (
    "SELECT id, organisation_id, recall_number FROM ledger_lease WHERE process_id = %s AND recall_number > recall_ack"
)
_LEASES = Additions("ledger_lease", "balance_micro")


@transaction.atomic
def take(process_id: str, wants: Iterable[Want]) -> list[Taken]:
    """Lease credits for each Want, in one transaction; FencedError when the process was closed.

    A few statements in all, however many organisations they are: at the first use of thousands, that is the cost. A
    reserve is added only where plenty is left: near zero a lease is exactly what the waiting holds need.
    """
    processes.check_open(process_id)
    now = moves.database_now()
    wants = list(wants)
    names = [want.organisation_id for want in wants]
    accounts = drawing.lock(names)
    funded = caps.fund([name for name in names if is_cap_account(name)], now)
    lots = drawing.free_lots(names, now)
    leases = _leases(process_id, names)
    shares = [_share(want, accounts[want.organisation_id], lots[want.organisation_id], leases, now) for want in wants]
    drawings = [Drawing(share.organisation_id, share.lease_id, share.amount_micro) for share in shares]
    drawn = drawing.draw([each for each in drawings if each.amount_micro], lots, "lease", now)
    _LEASES.execute({each.holder_id: each.amount_micro for each in drawings if each.amount_micro})
    return [
        replace(
            share, usable_seconds=_usable(drawn.get(share.lease_id, ()), now), cap=funded.get(share.organisation_id)
        )
        for share in shares
    ]


def _leases(process_id: str, organisation_ids: Sequence[str]) -> dict[str, str]:
    """Return the process's lease of each organisation, made when missing."""
    rows = Lease.objects.filter(process_id=process_id, organisation_id__in=organisation_ids)
    found = dict(rows.values_list("organisation_id", "id"))
    new = [Lease(process_id=process_id, organisation_id=name) for name in organisation_ids if name not in found]
    Lease.objects.bulk_create(new)
    return found | {lease.organisation_id: lease.id for lease in new}


def _share(
    want: Want, account: CreditAccount, lots: Sequence[FreeLot], leases: Mapping[str, str], now: datetime
) -> Taken:
    """Decide what a Want gets; nothing is drawn yet."""
    lease_id = leases[want.organisation_id]
    free = sum(lot.balance_micro for lot in lots)
    scarce = account.scarce_until is not None and account.scarce_until > now
    served = fitting(want.needs, want.have_micro + free)
    short = len(served) < len(want.needs)
    needed = max(0, sum(served) - want.have_micro)
    spare = 0 if scarce or short else min(want.reserve_micro, (free - needed) // RESERVE_SHARE)
    # A reserve smaller than one more hold would only hide credit from other processes.
    reserve = spare if spare >= max(want.needs, default=0) else 0
    others = recalls.holders(want.organisation_id, but=lease_id) if short else ()
    if others:
        recalls.mark_scarce(want.organisation_id, now)
    amount = needed + reserve
    return Taken(
        want.organisation_id,
        lease_id,
        amount,
        free - amount,
        short,
        scarce or short or not reserve,
        None,
        others,
        _leased_micro(want.organisation_id) + amount if short else 0,
    )


def _leased_micro(organisation_id: str) -> int:
    """Return what all leases of an organisation have; what is about to be drawn is in none yet."""
    rows = Lease.objects.filter(organisation_id=organisation_id)
    return rows.aggregate(total=Sum("balance_micro"))["total"] or 0


def _usable(lots: Iterable[FreeLot], now: datetime) -> float | None:
    """Return in how many seconds the first of the lots expires, None when none does."""
    expiries = [lot.expires_at for lot in lots if lot.expires_at]
    return (min(expiries) - now).total_seconds() if expiries else None


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
    amounts = [Drawing(*each) for each in returns if each[2]]
    drawing.lock(each.organisation_id for each in amounts)  # before the leases, by the one order of locks
    _LEASES.execute({each.holder_id: -each.amount_micro for each in amounts})
    drawing.give_back(amounts, now)
    for lease_id, number in acks.items():
        Lease.objects.filter(id=lease_id).update(recall_ack=number)


def recalled(process_id: str) -> list[tuple[str, str, int]]:
    """Return the process's (lease, organisation, number to acknowledge) that others ask for.

    Asked 25 times a second while the process leases anything: raw, and answered from an index that is mostly empty.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RECALLED, [process_id])
        return [tuple(row) for row in cursor.fetchall()]


def balances(process_id: str) -> dict[str, tuple[str, int]]:
    """Return (lease, stored balance) by organisation: the truth after a failure of unknown outcome."""
    rows = Lease.objects.filter(process_id=process_id).values_list("organisation_id", "id", "balance_micro")
    return {organisation_id: (lease_id, balance) for organisation_id, lease_id, balance in rows}
