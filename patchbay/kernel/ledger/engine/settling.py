"""Settles in batches: the ledger's part of the transaction that writes usage.

The fast path is one statement however many items there are, a conditional decrement per lease: what an organisation
pays is moved by its usage record itself, and only what its caps count has entries apart. Raw SQL, because this is the
hot statement of the product; one small difference per database.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import F

from patchbay.kernel.ledger.contracts import SPENT, Charge, SettleItem, is_cap_account
from patchbay.kernel.ledger.engine import moves
from patchbay.kernel.ledger.engine.rows import Additions
from patchbay.kernel.ledger.models import Entry, Lease
from patchbay.lib.transactions import ManyRows, on_sqlite, sqlite_time

_COLUMNS = (
    "organisation_id, kind, debit_account, credit_account, amount_micro, idempotency_key, request_id, reason,"
    " created_at"
)
_ROW_SQLITE = f"(?, 'spend', ?, '{SPENT}', ?, ?, ?, '', ?)"
_INSERTS_SQLITE = ManyRows(f"INSERT INTO ledger_entry ({_COLUMNS}) VALUES", _ROW_SQLITE)
_INSERT_POSTGRESQL = (
    f"INSERT INTO ledger_entry ({_COLUMNS}) SELECT org, 'spend', lease, '{SPENT}', amount, key, request, '', %s"  # noqa: S608
    " FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[])"
    " AS item(org, lease, amount, key, request)"
)
_LEASES = Additions("ledger_lease", "balance_micro")


def settle_many(cursor: Any, posted: Sequence[SettleItem], items: Sequence[SettleItem] = ()) -> None:
    """Take each item from its lease, by what `raw_transaction` yields.

    Those of `items` get their entries here; those of `posted` are rows of usage that say which lease paid, written in
    the same transaction. Any fault (a key that was used, a lease below zero) raises the database's IntegrityError for
    the whole batch, and the caller sets the faulty item apart by trying one by one. The caller has checked that the
    process is open.
    """
    if items:
        _write_entries(cursor, items)
    spends: dict[str, int] = {}
    for item in (*posted, *items):
        spends[item.lease_id] = spends.get(item.lease_id, 0) - item.amount_micro
    _LEASES.execute_raw(cursor, spends)


def _write_entries(cursor: Any, items: Sequence[SettleItem]) -> None:
    rows = [(i.organisation_id, i.lease_id, i.amount_micro, moves.entry_key(i.request_id), i.request_id) for i in items]
    now = datetime.now(UTC)
    if on_sqlite():
        text = sqlite_time(now)
        _INSERTS_SQLITE.execute(cursor, [value for row in rows for value in (*row, text)])
    else:
        cursor.execute(_INSERT_POSTGRESQL, (now, *map(list, zip(*rows, strict=True))))


def lock_all(items: Iterable[SettleItem]) -> None:
    """Lock whose lots the items will draw on, in the one order of locks."""
    for organisation_id in sorted({item.organisation_id for item in items if item.excess_micro}):
        moves.lock(organisation_id)


def settle_one(item: SettleItem) -> Charge:
    """Write one item, with the part above its hold, by the slow path: inside a savepoint of the caller's.

    What neither lease nor lots cover is the platform's loss, and an event; for a budget it is neither. The caller has
    locked the organisation of an item that has an excess (`lock_all`).
    """
    now = moves.database_now()
    organisation_id, request_id = item.organisation_id, item.request_id
    entries = []
    if item.amount_micro:
        Lease.objects.filter(id=item.lease_id).update(balance_micro=F("balance_micro") - item.amount_micro)
        entries.append(
            moves.entry(
                organisation_id, "spend", item.lease_id, SPENT, item.amount_micro, now,
                key=request_id, request_id=request_id,
            )
        )  # fmt: skip
    loss = item.excess_micro
    if loss:
        for lot, part in moves.take_from_lots(organisation_id, loss, now):
            entries.append(moves.entry(organisation_id, "spend", lot.id, SPENT, part, now, request_id=request_id))
            loss -= part
    if loss and not is_cap_account(organisation_id):
        entries.append(moves.lose(organisation_id, loss, now, request_id=request_id))
    Entry.objects.bulk_create(entries)
    return Charge(item.amount_micro + item.excess_micro - loss, loss)
