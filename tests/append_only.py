"""Lets the test suite empty append-only tables between tests.

Django empties SQLite by DELETE, which the triggers of append-only tables refuse, as they should; so the suite, and
only it, takes the triggers away for the flush and puts them back. PostgreSQL is emptied by TRUNCATE.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.backends.sqlite3.base import DatabaseOperations  # `operations` first would be a circular import

_sql_flush = DatabaseOperations.sql_flush


def _flush_without_triggers(self: DatabaseOperations, style: Any, tables: Sequence[str], **options: Any) -> list[str]:
    with connections[self.connection.alias].cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%BEFORE DELETE%RAISE(%'"
        )
        triggers = cursor.fetchall()
    drops = [f'DROP TRIGGER "{name}"' for name, _ in triggers]
    return [*drops, *_sql_flush(self, style, tables, **options), *(sql for _, sql in triggers)]


def install() -> None:
    DatabaseOperations.sql_flush = _flush_without_triggers  # type: ignore[method-assign]
