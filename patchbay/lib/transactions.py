"""Hot transactions: the raw DB-API under Django's connection, for the few statements that every request pays for.

Django's `atomic` and its cursors cost as much as ten inserts. And SQLite's driver gives up the interpreter's lock at
each row of an `executemany`, to take it back from whichever thread has it by then: one statement for many rows does
not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from django.db import DEFAULT_DB_ALIAS, connections, transaction

# Rows a statement: few sizes, so that each stays prepared.
_SIZES = (64, 32, 16, 12, 8, 6, 4, 3, 2, 1)
_encode = msgspec.json.Encoder().encode


@cache
def on_sqlite() -> bool:
    """Whether the database is SQLite; it stays what it is as long as the process lives."""
    return connections[DEFAULT_DB_ALIAS].vendor == "sqlite"


@contextmanager
def raw_transaction() -> Iterator[Any]:
    """Yield the raw connection (SQLite) or cursor (PostgreSQL) in a transaction that is durable when it ends.

    For a thread with no transaction open. Its errors are Django's; any error undoes everything. Queries of the ORM
    inside take part, `atomic` inside does not work on SQLite.
    """
    live = connections[DEFAULT_DB_ALIAS]  # once: `django.db.connection` looks it up for each of its attributes
    with live.wrap_database_errors:
        if not on_sqlite():
            with transaction.atomic(durable=True), live.cursor() as cursor:
                yield cursor.cursor
            return
        live.ensure_connection()
        raw = live.connection
        raw.execute("BEGIN IMMEDIATE")
        try:
            yield raw
            raw.execute("COMMIT")
        except BaseException:
            raw.rollback()
            raise


class ManyRows:
    """A statement of SQLite with as many rows of values as are given: `head`, a `row` for each, `tail`."""

    def __init__(self, head: str, row: str, tail: str = "") -> None:
        self._width = row.count("?")
        self._statements = [(size * self._width, f"{head} {', '.join([row] * size)} {tail}") for size in _SIZES]

    def execute(self, raw: Any, values: list[Any]) -> None:
        """Run it with the values of all rows, one after the other."""
        start = 0
        for step, statement in self._statements:
            while len(values) - start >= step:
                raw.execute(statement, values[start : start + step])
                start += step


def sqlite_time(moment: datetime) -> str:
    """Render a time as Django stores it in SQLite, a fifth as dear as `isoformat`."""
    text = _encode(moment if moment.tzinfo is UTC else moment.astimezone(UTC)).decode()
    return f"{text[1:11]} {text[12:-2]}"  # "2026-11-21T12:00:00.000001Z", in quotes
