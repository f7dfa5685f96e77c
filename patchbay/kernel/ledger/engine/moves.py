"""Moving credits in and out of lots; everything here runs inside the caller's transaction. Holders draw in `drawing`.

Whoever draws from or returns to lots holds the organisation's lock (`lock`), so that lots of one organisation are
changed by one transaction at a time. The lock order everywhere is: process row, organisation, lease or hold, lots.
"""

from datetime import datetime

from django.db import connection, models
from django.db.models import F, Q
from django.utils import timezone

from patchbay.kernel.events import services as events
from patchbay.kernel.ledger.contracts import ISSUED, OWED, PLATFORM_LOSS, EntryKind
from patchbay.kernel.ledger.models import CreditAccount, Entry, Lot
from patchbay.lib.ids import new_id

KEY_PREFIX = "req"


def database_now() -> datetime:
    """Return the time by the database's clock, the one that heartbeats and expiries of several machines share."""
    if connection.vendor == "sqlite":
        return timezone.now()  # an SQLite database has its machine's clock
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def lock(organisation_id: str) -> CreditAccount:
    """Lock the organisation's account row until the transaction ends; made when missing."""
    rows = CreditAccount.objects.select_for_update()
    account = rows.filter(organisation_id=organisation_id).first()
    if account is None:
        CreditAccount.objects.bulk_create([CreditAccount(organisation_id=organisation_id)], ignore_conflicts=True)
        account = rows.get(organisation_id=organisation_id)
    return account


def entry_key(identifier: str) -> str:
    """Return the key that an id gives: with the prefix of request ids, because all keys sort together, by time."""
    return f"{KEY_PREFIX}_{identifier.rpartition('_')[2]}"


def entry(
    organisation_id: str,
    kind: EntryKind,
    debit: str,
    credit: str,
    amount_micro: int,
    now: datetime,
    *,
    key: str = "",
    request_id: str = "",
    reason: str = "",
) -> Entry:
    """Build a movement; without a key it gets one of its own, because its caller is idempotent by other means."""
    return Entry(
        organisation_id=organisation_id,
        kind=kind,
        debit_account=debit,
        credit_account=credit,
        amount_micro=amount_micro,
        idempotency_key=entry_key(key) if key else new_key(),
        request_id=request_id,
        reason=reason,
        created_at=now,
    )


def new_key() -> str:
    """Return a key for a movement whose caller is idempotent by other means."""
    return new_id(KEY_PREFIX)


def issue(
    organisation_id: str,
    amount_micro: int,
    now: datetime,
    *,
    kind: str,
    priority: int,
    key: str,
    expires_at: datetime | None,
    reason: str = "",
) -> Lot:
    """Make a lot under the organisation's lock; what it owes is paid from it first."""
    lot = Lot(
        organisation_id=organisation_id,
        kind=kind,
        priority=priority,
        amount_micro=amount_micro,
        balance_micro=amount_micro,
        expires_at=expires_at,
        idempotency_key=key,
        reason=reason,
        created_at=now,
    )
    lot.save(force_insert=True)
    entry(organisation_id, "grant", ISSUED, lot.id, amount_micro, now, reason=reason).save(force_insert=True)
    repay(organisation_id, now)
    lot.refresh_from_db(fields=["balance_micro"])
    return lot


def lose(organisation_id: str, amount_micro: int, now: datetime, *, request_id: str) -> Entry:
    """Build the entry of a cost that no balance covered, and tell operators by an event in this transaction."""
    payload = {"request_id": request_id, "amount_micro": amount_micro}
    events.emit(organisation_id=organisation_id, type="ledger.platform_loss", payload=payload)
    return entry(organisation_id, "loss", ISSUED, PLATFORM_LOSS, amount_micro, now, request_id=request_id)


def drawable(organisation_id: str, now: datetime) -> models.QuerySet[Lot]:
    """Return the lots that may be drawn, in their order: priority, then earliest expiry, then oldest."""
    return Lot.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now), organisation_id=organisation_id, balance_micro__gt=0
    ).order_by("priority", F("expires_at").asc(nulls_last=True), "id")


def take_from_lots(organisation_id: str, amount_micro: int, now: datetime) -> list[tuple[Lot, int]]:
    """Take up to `amount_micro` out of the lots in their order; return what was taken from each."""
    taken: list[tuple[Lot, int]] = []
    for lot in drawable(organisation_id, now):
        if amount_micro <= 0:
            break
        part = min(amount_micro, lot.balance_micro)
        Lot.objects.filter(id=lot.id).update(balance_micro=F("balance_micro") - part)
        taken.append((lot, part))
        amount_micro -= part
    return taken


def repay(organisation_id: str, now: datetime) -> None:
    """Pay what the organisation owes from whatever has become free."""
    owed = CreditAccount.objects.get(organisation_id=organisation_id).owed_micro
    if not owed:
        return
    taken = take_from_lots(organisation_id, owed, now)
    paid = sum(part for _, part in taken)
    CreditAccount.objects.filter(organisation_id=organisation_id).update(owed_micro=F("owed_micro") - paid)
    Entry.objects.bulk_create(entry(organisation_id, "repay", lot.id, OWED, part, now) for lot, part in taken)
