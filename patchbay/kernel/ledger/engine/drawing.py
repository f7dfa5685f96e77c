"""Drawing from lots for leases and holds, and returning to them: for many organisations in a few statements.

Runs inside the caller's transaction, under the locks of the organisations (`lock`); the order of locks is that of
`moves`. A holder's draws keep their order: first taken is first spent, last taken returns first.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db.models import F, Max, Q

from patchbay.kernel.ledger.contracts import EXPIRED, EntryKind
from patchbay.kernel.ledger.engine import moves
from patchbay.kernel.ledger.engine.rows import Additions
from patchbay.kernel.ledger.models import CreditAccount, Draw, Entry, Lot

T = TypeVar("T")
_LOTS = Additions("ledger_lot", "balance_micro")
_DRAWS = Additions("ledger_draw", "amount_micro", key="bigint")


class Drawing(NamedTuple):
    """So much for one holder, a lease or a hold, out of its organisation's lots or back into them."""

    organisation_id: str
    holder_id: str
    amount_micro: int


class FreeLot(NamedTuple):
    """What a lot has that may be drawn now."""

    id: str
    balance_micro: int
    expires_at: datetime | None


def lock(organisation_ids: Iterable[str]) -> dict[str, CreditAccount]:
    """Lock the account rows of organisations until the transaction ends; made when missing.

    What is missing is made first: whoever waits for a row that another transaction makes must hold no lock.
    """
    names = sorted(set(organisation_ids))
    rows = CreditAccount.objects.filter(organisation_id__in=names)
    known = set(rows.values_list("organisation_id", flat=True))
    missing = [CreditAccount(organisation_id=name) for name in names if name not in known]
    CreditAccount.objects.bulk_create(missing, ignore_conflicts=True)
    return {row.organisation_id: row for row in rows.select_for_update().order_by("organisation_id")}


def free_lots(organisation_ids: Iterable[str], now: datetime) -> dict[str, list[FreeLot]]:
    """Return what may be drawn of each organisation: priority, then earliest expiry, then oldest."""
    rows = Lot.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now), organisation_id__in=list(organisation_ids), balance_micro__gt=0
    ).order_by("priority", F("expires_at").asc(nulls_last=True), "id")
    found: dict[str, list[FreeLot]] = defaultdict(list)
    columns = rows.values_list("organisation_id", "id", "balance_micro", "expires_at")
    for organisation_id, lot_id, balance_micro, expires_at in columns:
        found[organisation_id].append(FreeLot(lot_id, balance_micro, expires_at))
    return found


def draw(
    drawings: Sequence[Drawing], lots: Mapping[str, Sequence[FreeLot]], kind: EntryKind, now: datetime
) -> dict[str, list[FreeLot]]:
    """Move each amount, which the caller knows to be free in `lots`, to its holder; return each holder's lots.

    At most one drawing of an organisation at a time.
    """
    parts = {
        drawing.holder_id: _share(drawing.amount_micro, lots[drawing.organisation_id], lambda lot: lot.balance_micro)
        for drawing in drawings
    }
    last = _last_draws(list(parts))
    longer: dict[int, int] = {}
    new: list[Draw] = []
    for holder_id, taken in parts.items():
        for lot, part in taken:
            draw_id, lot_id = last.pop(holder_id, (0, ""))
            if lot_id == lot.id:
                longer[draw_id] = part
            else:
                new.append(Draw(holder_id=holder_id, lot_id=lot.id, amount_micro=part))
    _LOTS.execute({lot.id: -part for taken in parts.values() for lot, part in taken})
    _DRAWS.execute(longer)
    Draw.objects.bulk_create(new)
    Entry.objects.bulk_create(
        moves.entry(drawing.organisation_id, kind, lot.id, drawing.holder_id, part, now)
        for drawing in drawings
        for lot, part in parts[drawing.holder_id]
    )
    return {holder_id: [lot for lot, _ in taken] for holder_id, taken in parts.items()}


def give_back(returns: Sequence[Drawing], now: datetime) -> None:
    """Move amounts from leases and holds to the lots they came from, last taken first.

    What belongs to a lot that has expired goes to `expired`; what an organisation owes is paid from the rest.
    """
    accounts = lock(drawing.organisation_id for drawing in returns)
    drawn: dict[str, list[Draw]] = defaultdict(list)
    holders = [drawing.holder_id for drawing in returns if drawing.amount_micro]
    for row in Draw.objects.filter(holder_id__in=holders).select_related("lot").order_by("-id"):
        drawn[row.holder_id].append(row)
    entries: list[Entry] = []
    lots: dict[str, int] = defaultdict(int)
    shorter: dict[int, int] = {}
    gone: list[int] = []
    for organisation_id, holder_id, amount in returns:
        for row, part in _share(amount, drawn[holder_id], lambda row: row.amount_micro):
            if part == row.amount_micro:
                gone.append(row.pk)
            else:
                shorter[row.pk] = -part
            if row.lot.expires_at and row.lot.expires_at <= now:
                entries.append(moves.entry(organisation_id, "expire", holder_id, EXPIRED, part, now))
            else:
                lots[row.lot_id] += part
                entries.append(moves.entry(organisation_id, "return", holder_id, row.lot_id, part, now))
    Draw.objects.filter(id__in=gone).delete()
    _DRAWS.execute(shorter)
    _LOTS.execute(lots)
    Entry.objects.bulk_create(entries)
    for organisation_id, account in accounts.items():
        if account.owed_micro:
            moves.repay(organisation_id, now)


def _last_draws(holder_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Return the (draw, lot) that each holder took last."""
    latest = Draw.objects.filter(holder_id__in=holder_ids).values("holder_id").annotate(latest=Max("id"))
    rows = Draw.objects.filter(id__in=latest.values("latest")).values_list("holder_id", "id", "lot_id")
    return {holder_id: (draw_id, lot_id) for holder_id, draw_id, lot_id in rows}


def _share(amount: int, rows: Sequence[T], size: Callable[[T], int]) -> list[tuple[T, int]]:
    """Share an amount out over rows in their order, to each as much as it has; ValueError when they have not enough."""
    parts = []
    for row in rows:
        if amount <= 0:
            break
        part = min(amount, size(row))
        parts.append((row, part))
        amount -= part
    if amount > 0:
        raise ValueError("more was asked for than there is")
    return parts
