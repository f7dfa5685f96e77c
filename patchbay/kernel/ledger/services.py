"""Writing the ledger: grants, durable holds, clawbacks, expiry. Leases are in `leases`, their settles below.

Every service is one transaction, idempotent by its key, and safe to call inside the caller's transaction.
"""

import time
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from patchbay.kernel.ledger.contracts import (
    EXPIRED,
    ISSUED,
    OWED,
    PRIORITIES,
    SPENT,
    BudgetScope,
    Charge,
    GrantKind,
    HoldView,
    LotView,
    cap_account,
)
from patchbay.kernel.ledger.engine import caps, drawing, moves, recalls
from patchbay.kernel.ledger.engine.caps import account_now
from patchbay.kernel.ledger.engine.drawing import Drawing
from patchbay.kernel.ledger.engine.leasing import balances as list_lease_balances
from patchbay.kernel.ledger.engine.moves import database_now
from patchbay.kernel.ledger.engine.processes import (
    HEARTBEAT_SECONDS,
    beat,
    check_open,
    close_process,
    is_open,
    open_process,
    reap,
)
from patchbay.kernel.ledger.engine.settling import lock_all, settle_many, settle_one
from patchbay.kernel.ledger.errors import HoldClosedError, KeyReusedError, insufficient
from patchbay.kernel.ledger.models import HISTORY, Budget, Clawback, CreditAccount, Entry, Hold, Lot
from patchbay.kernel.ledger.queries import hold_view
from patchbay.lib.errors import NotFoundError, UnavailableError
from patchbay.lib.ids import new_id

__all__ = [
    "HEARTBEAT_SECONDS",
    "account_now",
    "beat",
    "check_open",
    "clawback",
    "close_process",
    "database_now",
    "expire_due",
    "grant",
    "hold",
    "is_open",
    "list_lease_balances",
    "lock_all",
    "open_process",
    "reap",
    "release_hold",
    "set_budget",
    "settle_hold",
    "settle_many",
    "settle_one",
]
_RECALL_POLL_SECONDS = 0.02
_CALL_BACK_SECONDS = 2.0


@transaction.atomic
def grant(
    *,
    organisation_id: str,
    amount_micro: int,
    kind: GrantKind,
    idempotency_key: str,
    expires_at: datetime | None = None,
    priority: int | None = None,
    reason: str = "",
) -> LotView:
    """Give credits; what the organisation owes is paid from them first.

    The same key again returns the first lot; with another amount or kind it raises KeyReusedError.
    """
    _positive(amount_micro)
    now = database_now()
    moves.lock(organisation_id)
    lot = Lot.objects.filter(organisation_id=organisation_id, idempotency_key=idempotency_key).first()
    if lot is not None:
        if (lot.amount_micro, lot.kind) != (amount_micro, kind):
            raise KeyReusedError(f"The key {idempotency_key!r} was used for another grant.")
        return _lot_view(lot)
    lot = moves.issue(
        organisation_id,
        amount_micro,
        now,
        kind=kind,
        priority=PRIORITIES[kind] if priority is None else priority,
        key=idempotency_key,
        expires_at=expires_at,
        reason=reason,
    )
    return _lot_view(lot)


def hold(*, organisation_id: str, amount_micro: int, idempotency_key: str, seconds: float) -> HoldView:
    """Keep credits apart durably for `seconds`; InsufficientCreditsError when nothing free, recalled, covers them.

    The same key again returns the same hold, whatever became of it.
    """
    _positive(amount_micro)
    recall = recalls.Recall(())
    while True:
        with transaction.atomic():
            found, others = _try_hold(organisation_id, amount_micro, idempotency_key, seconds, final=recall.answered)
        if found is not None:
            return found
        if connection.in_atomic_block:
            # Waiting inside the caller's transaction could block the very process that is to return its credit.
            raise UnavailableError("Credits are in use by other requests; nothing was charged.", retry_after=1)
        recall = recalls.raise_recall(others)
        _await_answers(recall)


def _try_hold(
    organisation_id: str, amount_micro: int, key: str, seconds: float, *, final: bool
) -> tuple[HoldView | None, tuple[str, ...]]:
    """Make the hold, or return the leases that are to be recalled first; raise when those were asked already."""
    now = database_now()
    moves.lock(organisation_id)
    row = Hold.objects.filter(organisation_id=organisation_id, idempotency_key=key).first()
    if row is not None:
        if row.amount_micro != amount_micro:
            raise KeyReusedError(f"The key {key!r} was used for a hold of another amount.")
        return hold_view(row), ()
    for overdue in Hold.objects.filter(organisation_id=organisation_id, state="open", expires_at__lte=now):
        _close_hold(overdue, "expired", now)
    lots = drawing.free_lots([organisation_id], now)
    free = sum(lot.balance_micro for lot in lots[organisation_id])
    if free < amount_micro:
        others = recalls.holders(organisation_id)
        if others and not final:
            recalls.mark_scarce(organisation_id, now)
            return None, others
        raise insufficient(amount_micro, free)
    row = Hold(
        id=new_id("hold"),
        organisation_id=organisation_id,
        amount_micro=amount_micro,
        balance_micro=amount_micro,
        idempotency_key=key,
        expires_at=now + timedelta(seconds=seconds),
        created_at=now,
    )
    row.save(force_insert=True)
    drawing.draw([Drawing(organisation_id, row.id, amount_micro)], lots, "hold", now)
    return hold_view(row), ()


def _await_answers(recall: recalls.Recall) -> None:
    deadline = time.monotonic() + recalls.PATIENCE_SECONDS
    while not recall.check():
        if time.monotonic() > deadline:
            raise UnavailableError("Another server does not return its credits; nothing was charged.", retry_after=5)
        reap()
        time.sleep(_RECALL_POLL_SECONDS)


@transaction.atomic
def settle_hold(*, organisation_id: str, hold_id: str, cost_micro: int, request_id: str = "") -> Charge:
    """Take the cost from a hold; what is left is free again, what is missing comes from the lots as far as it goes.

    The same cost again returns the same charge; HoldClosedError for a hold that ended otherwise.
    """
    if cost_micro < 0:
        raise ValueError("A cost cannot be negative.")
    now = database_now()
    moves.lock(organisation_id)
    row = _get_hold(organisation_id, hold_id)
    if row.state == "settled" and row.charged_micro + row.loss_micro == cost_micro:
        return Charge(row.charged_micro, row.loss_micro)
    if row.state != "open":
        raise HoldClosedError(f"The hold {hold_id} is {row.state}.")
    inside = min(cost_micro, row.balance_micro)
    entries = []
    if inside:
        entries.append(
            moves.entry(organisation_id, "spend", row.id, SPENT, inside, now, key=hold_id, request_id=request_id)
        )
    drawing.give_back([Drawing(organisation_id, row.id, row.balance_micro - inside)], now)
    outside = moves.take_from_lots(organisation_id, cost_micro - inside, now)
    entries += [
        moves.entry(organisation_id, "spend", lot.id, SPENT, part, now, request_id=request_id) for lot, part in outside
    ]
    charged = inside + sum(part for _, part in outside)
    if loss := cost_micro - charged:
        entries.append(moves.lose(organisation_id, loss, now, request_id=request_id))
    Entry.objects.bulk_create(entries)
    Hold.objects.filter(id=row.id).update(
        state="settled", balance_micro=0, charged_micro=charged, loss_micro=cost_micro - charged
    )
    return Charge(charged, cost_micro - charged)


@transaction.atomic
def release_hold(*, organisation_id: str, hold_id: str) -> None:
    """Free a hold that will not be used; nothing happens when it was released or has expired."""
    now = database_now()
    moves.lock(organisation_id)
    row = _get_hold(organisation_id, hold_id)
    if row.state == "settled":
        raise HoldClosedError(f"The hold {hold_id} is settled.")
    if row.state == "open":
        _close_hold(row, "released", now)


@transaction.atomic
def clawback(*, organisation_id: str, amount_micro: int, idempotency_key: str, reason: str = "") -> Charge:
    """Take credits back (a refund, a chargeback): what is free at once, the rest is owed and paid by later grants.

    Returns what was taken, with the owed part as `loss_micro`. The same key again returns the first outcome.
    """
    _positive(amount_micro)
    now = database_now()
    moves.lock(organisation_id)
    row = Clawback.objects.filter(organisation_id=organisation_id, idempotency_key=idempotency_key).first()
    if row is not None:
        if row.amount_micro != amount_micro:
            raise KeyReusedError(f"The key {idempotency_key!r} was used for another clawback.")
        return Charge(amount_micro - row.owed_micro, row.owed_micro)
    parts = [(lot.id, part) for lot, part in moves.take_from_lots(organisation_id, amount_micro, now)]
    if owed := amount_micro - sum(part for _, part in parts):
        parts.append((OWED, owed))
        CreditAccount.objects.filter(organisation_id=organisation_id).update(owed_micro=F("owed_micro") + owed)
    Clawback.objects.create(
        organisation_id=organisation_id, idempotency_key=idempotency_key, amount_micro=amount_micro, owed_micro=owed
    )
    Entry.objects.bulk_create(
        moves.entry(organisation_id, "clawback", debit, ISSUED, part, now, reason=reason) for debit, part in parts
    )
    return Charge(amount_micro - owed, owed)


@transaction.atomic
def set_budget(*, organisation_id: str, scope: BudgetScope, scope_id: str, cap_micro: int | None) -> str:
    """Cap what a key or an organisation may spend in a calendar month (UTC); None takes the cap away.

    Counts from now on, what was counted this month before included. A higher cap is there at once; of a lower one, what
    processes lease and do not use is called back before the transaction's end returns, and running calls keep what
    they hold. Returns the budget's id, under which to hold (`usage.services.hold_all`). Who remembers the budgets that
    apply, as grants do, is told by the caller.
    """
    if cap_micro is not None and cap_micro < 0:
        raise ValueError("A cap cannot be negative.")
    now = database_now()
    row, _ = Budget.objects.get_or_create(
        scope=scope, scope_id=scope_id, defaults={"organisation_id": organisation_id, "created_at": now}
    )
    if row.organisation_id != organisation_id:
        raise NotFoundError("There is no such budget.")
    account = cap_account(row.id, now)
    moves.lock(account)  # before the cap is written: a process that funds the account reads it under this lock
    Budget.objects.filter(id=row.id).update(cap_micro=cap_micro)
    if cap_micro is not None and (less := caps.change(account, cap_micro, now)):
        clawback(organisation_id=account, amount_micro=less, idempotency_key=moves.new_key())
        recalls.mark_scarce(account, now)
        transaction.on_commit(lambda: _call_back(account), robust=True)
    return row.id


def _call_back(account: str) -> None:
    """Have what processes lease and do not use returned now; who does not answer in time returns it later."""
    recall = recalls.raise_recall(recalls.holders(account))
    deadline = time.monotonic() + _CALL_BACK_SECONDS
    while not recall.check() and time.monotonic() < deadline:
        time.sleep(_RECALL_POLL_SECONDS)


def expire_due(limit: int = 1000) -> int:
    """Move what is left of expired lots to `expired` and close overdue holds; return how many rows that were."""
    now = database_now()
    done = 0
    lots = Lot.objects.filter(expires_at__lte=now, balance_micro__gt=0).values_list("organisation_id", "id")
    for organisation_id, lot_id in list(lots[:limit]):
        with transaction.atomic():
            moves.lock(organisation_id)
            left = Lot.objects.get(id=lot_id).balance_micro
            if left:
                Lot.objects.filter(id=lot_id).update(balance_micro=0)
                moves.entry(organisation_id, "expire", lot_id, EXPIRED, left, now).save(force_insert=True)
                done += 1
    holds = Hold.objects.filter(expires_at__lte=now, state="open").values_list("organisation_id", "id")
    for organisation_id, hold_id in list(holds[:limit]):
        with transaction.atomic():
            moves.lock(organisation_id)
            row = Hold.objects.get(id=hold_id)
            if row.state == "open":
                _close_hold(row, "expired", now)
                done += 1
    return done


def order_history() -> bool:
    """List entries by organisation when thousands wait for it; return whether they did.

    For the ledger threads, which have no transaction open; histories are whole without it, and slower.
    """
    return HISTORY.move()


def _close_hold(row: Hold, state: str, now: datetime) -> None:
    drawing.give_back([Drawing(row.organisation_id, row.id, row.balance_micro)], now)
    Hold.objects.filter(id=row.id).update(state=state, balance_micro=0)


def _get_hold(organisation_id: str, hold_id: str) -> Hold:
    row = Hold.objects.filter(organisation_id=organisation_id, id=hold_id).first()
    if row is None:
        raise NotFoundError("There is no such hold.")
    return row


def _positive(amount_micro: int) -> None:
    if amount_micro <= 0:
        raise ValueError("An amount of credits must be positive.")


def _lot_view(lot: Lot) -> LotView:
    return LotView(
        lot.id, lot.kind, lot.priority, lot.amount_micro, lot.balance_micro, lot.expires_at, lot.reason, lot.created_at
    )
