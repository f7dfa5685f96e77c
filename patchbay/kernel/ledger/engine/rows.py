"""One statement for many rows: what leasing writes for a hundred organisations costs little more than for one."""

from collections.abc import Mapping
from typing import Literal

from django.db import connection

from patchbay.lib.transactions import ManyRows


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
        if connection.vendor == "sqlite":
            with connection.wrap_database_errors:
                self._sqlite.execute(connection.connection, [value for pair in amounts.items() for value in pair])
            return
        with connection.cursor() as cursor:
            cursor.execute(self._postgresql, [list(amounts), list(amounts.values())])
