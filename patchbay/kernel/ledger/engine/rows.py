"""One statement for many rows: what is written for a hundred leases or organisations costs little more than for one."""

from collections.abc import Mapping
from typing import Any, Literal

from django.db import connection

from patchbay.lib.transactions import ManyRows, on_sqlite


class Additions:
    """`UPDATE table SET column = column + amount WHERE id = …`, for as many rows as are given.

    For use inside a transaction; a constraint that a row breaks raises Django's IntegrityError.
    """

    def __init__(self, table: str, column: str, *, key: Literal["text", "bigint"] = "text") -> None:
        to = f"UPDATE {table} SET {column} = {table}.{column} +"  # noqa: S608
        self._sqlite = ManyRows(
            f"{to} item.column2 FROM (VALUES", "(?, ?)", f") AS item WHERE {table}.id = item.column1"
        )
        self._postgresql = (
            f"{to} item.amount FROM unnest(%s::{key}[], %s::bigint[]) AS item(id, amount) WHERE {table}.id = item.id"
        )

    def execute(self, amounts: Mapping[str, int] | Mapping[int, int]) -> None:
        """Add to each row the amount under its id, which may be negative."""
        if not amounts:
            return
        if on_sqlite():
            with connection.wrap_database_errors:
                self.execute_raw(connection.connection, amounts)
            return
        with connection.cursor() as cursor:
            self.execute_raw(cursor, amounts)

    def execute_raw(self, raw: Any, amounts: Mapping[str, int] | Mapping[int, int]) -> None:
        """The same by what `raw_transaction` yields."""
        if not amounts:
            return
        if on_sqlite():
            self._sqlite.execute(raw, [value for pair in amounts.items() for value in pair])
        else:
            raw.execute(self._postgresql, [list(amounts), list(amounts.values())])
