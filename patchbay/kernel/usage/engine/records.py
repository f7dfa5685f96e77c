"""Raw inserts of usage records and completion of claims, inside the writer's transaction; one difference a database."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import msgspec
from django.db import connection
from msgspec.structs import astuple

from patchbay.kernel.ledger.contracts import Charge
from patchbay.kernel.usage.contracts import UsageRecord
from patchbay.kernel.usage.models import HISTORY, RequestClaim
from patchbay.kernel.usage.models import UsageRecord as RecordRow
from patchbay.lib.transactions import ManyRows, sqlite_time

# Column and PostgreSQL type, in the order of the Struct's fields; then the two that settling adds.
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
    "estimated": "boolean",
    "latency_ms": "bigint",
    "outcome": "text",
    "tries": "smallint",
    "detail": "text",
    "counts": "text",
    "lines": "text",
    "created_at": "timestamptz",
    "cost_micro": "bigint",
    "loss_micro": "bigint",
}
COLUMNS = tuple(_TYPES)
_ESTIMATED = COLUMNS.index("estimated")
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


def make_rows(charges: Iterable[tuple[UsageRecord, int, int]]) -> list[Row]:
    """Return each (record, cost, loss) as a row for `insert`."""
    on_sqlite = connection.vendor == "sqlite"
    rows = []
    for record, cost_micro, loss_micro in charges:
        *columns, counts, lines, created_at = astuple(record)
        columns.append(_encode(counts).decode() if counts else "")
        text = _encode(lines).decode() if lines else "[]"
        if on_sqlite:
            columns[_ESTIMATED] = int(record.estimated)  # the driver looks long for how to adapt a bool
            rows.append((*columns, text, sqlite_time(created_at), cost_micro, loss_micro))
        else:
            rows.append((*columns, text, created_at, cost_micro, loss_micro))
    return rows


def insert(cursor: Any, rows: Sequence[Row]) -> None:
    """Insert rows by what `raw_transaction` yields; IntegrityError when a request has its record already."""
    if connection.vendor == "sqlite":
        _INSERTS_SQLITE.execute(cursor, list(chain.from_iterable(rows)))
    else:
        cursor.execute(_INSERT_POSTGRESQL, [list(column) for column in zip(*rows, strict=True)])


def insert_once(cursor: Any, row: Row) -> bool:
    """Insert a row unless the request has its record; return whether it was inserted."""
    if connection.vendor == "sqlite":
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
