"""Raw inserts of usage records and completion of claims, inside the writer's transaction; one difference a database."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import msgspec
from msgspec.structs import astuple

from patchbay.kernel.ledger.contracts import Charge
from patchbay.kernel.usage.contracts import UsageRecord
from patchbay.kernel.usage.models import HISTORY, RequestClaim
from patchbay.kernel.usage.models import UsageRecord as RecordRow
from patchbay.lib.transactions import ManyRows, on_sqlite, sqlite_time

# Column and PostgreSQL type, in the order of the Struct's fields; then those that settling adds.
_TYPES = {
    "request_id": "text",
    "organisation_id": "text",
    "key_id": "text",
    "user_id": "text",
    "product": "text",
    "operation": "text",
    "plug_id": "text",
    "model": "text",
    "provider": "text",
    "environment": "text",
    "prompt_tokens": "bigint",
    "cached_tokens": "bigint",
    "completion_tokens": "bigint",
    "latency_ms": "bigint",
    "outcome": "text",
    "tries": "smallint",
    "detail": "text",
    "estimated": "boolean",
    "counts": "text",
    "lines": "text",
    "created_at": "timestamptz",
    "cost_micro": "bigint",
    "loss_micro": "bigint",
    "lease_id": "text",
}
COLUMNS = tuple(_TYPES)
_NAMES = ", ".join(COLUMNS)
_ROW_SQLITE = f"({', '.join('?' * len(_TYPES))})"
INSERT_SQLITE = f"INSERT INTO usage_usagerecord ({_NAMES}) VALUES {_ROW_SQLITE}"  # noqa: S608
_INSERTS_SQLITE = ManyRows(f"INSERT INTO usage_usagerecord ({_NAMES}) VALUES", _ROW_SQLITE)
_INSERT_POSTGRESQL = (
    f"INSERT INTO usage_usagerecord ({_NAMES})"  # noqa: S608
    f" SELECT * FROM unnest({', '.join(f'%s::{kind}[]' for kind in _TYPES.values())})"
)
_ONCE = " ON CONFLICT (organisation_id, request_id) DO NOTHING"
_encode = msgspec.json.Encoder().encode

Row = tuple[Any, ...]


def make_rows(charges: Iterable[tuple[UsageRecord, int, int, str]]) -> list[Row]:
    """Return each (record, cost, loss, lease that pays or "") as a row for `insert`."""
    plain_types = on_sqlite()
    rows = []
    for record, cost_micro, loss_micro, lease_id in charges:
        *columns, estimated, counts, lines, created_at = astuple(record)
        if plain_types:  # the driver looks long for how to adapt others
            estimated, created_at = int(estimated), sqlite_time(created_at)
        counted, text = _encode(counts).decode() if counts else "", _encode(lines).decode() if lines else "[]"
        rows.append((*columns, estimated, counted, text, created_at, cost_micro, loss_micro, lease_id))
    return rows


def insert(cursor: Any, rows: Sequence[Row]) -> None:
    """Insert rows by what `raw_transaction` yields; IntegrityError when a request has its record already."""
    if on_sqlite():
        _INSERTS_SQLITE.execute(cursor, list(chain.from_iterable(rows)))
    else:
        cursor.execute(_INSERT_POSTGRESQL, [list(column) for column in zip(*rows, strict=True)])


def insert_once(cursor: Any, row: Row) -> bool:
    """Insert a row unless the request has its record; return whether it was inserted."""
    if on_sqlite():
        cursor.execute(INSERT_SQLITE + _ONCE, row)
    else:
        cursor.execute(_INSERT_POSTGRESQL + _ONCE, [[value] for value in row])
    return bool(cursor.rowcount)


def order_history() -> bool:
    """List records by organisation, as `ledger.order_history` does entries."""
    return HISTORY.move()


class Before(Charge, frozen=True):
    """The charge of a request that had been written before: nothing was taken this time."""


def find_charge(record: UsageRecord) -> Before:
    """Return what the request's first record was charged."""
    rows = RecordRow.objects.filter(request_id=record.request_id, organisation_id=record.organisation_id)
    return Before(*rows.values_list("cost_micro", "loss_micro").get())


def set_charge(record: UsageRecord, charge: Charge) -> None:
    """Enter the charge into a record that was inserted in this transaction, before its cost was known."""
    rows = RecordRow.objects.filter(request_id=record.request_id, organisation_id=record.organisation_id)
    rows.update(cost_micro=charge.charged_micro, loss_micro=charge.loss_micro)


def complete_claims(answers: Iterable[tuple[str, bytes]]) -> None:
    """Keep each answer with its claim, for a retry to be answered alike."""
    for claim_id, response in answers:
        RequestClaim.objects.filter(id=claim_id).update(response=response)
