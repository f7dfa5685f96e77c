# ruff: noqa: S608 - the names of tables and columns are our code's
"""Tables that are written by all organisations at once and read by one: their order by organisation, written behind.

On SQLite an index that starts with the organisation costs a page for nearly every row, as soon as many organisations
write at one time: with 1,000 of them it made a settle half as dear again. So the table itself has only what appends:
rows by position, and uniqueness with the time-sortable key first. The order by organisation is a table of its own,
`<table>_listed`, to which thousands of rows are moved at once. SQLite has one writer, so positions are in the order of
commit, and all rows above one position, the tail, are those that are not listed yet.

Readers use the view `<table>_history`, which joins both in one statement and so misses nothing, whoever moves rows
meanwhile; what it costs them is a look through the tail. On PostgreSQL, where a scattered index costs little and
positions are not in the order of commit, the unique index starts with the organisation and the view is the table.
"""

from collections.abc import Iterable, Mapping

from django.db import connection

from patchbay.lib.transactions import raw_transaction

# Rows moved at once: enough that those of one organisation share a page, few enough to hold writers up for 50 ms only.
ROWS = 8192


class Listing:
    """The order by organisation of `table`, which has `position`, `organisation_id` and a unique, sortable `key`."""

    def __init__(self, table: str, key: str) -> None:
        listed, newest = f"{table}_listed", f"(SELECT position FROM {table}_listed WHERE organisation_id = '')"
        self._table, self._key, self._listed, self._newest = table, key, listed, newest
        self._ordered = ("position", "organisation_id", key)
        self._waiting = f"SELECT max(position) - {newest} FROM {table}"
        self._move = (
            f"INSERT INTO {listed} SELECT organisation_id, {key}, position FROM {table}"
            f" WHERE position > {newest} AND position <= {newest} + ? ORDER BY organisation_id, {key}"
        )
        self._mark = f"UPDATE {listed} SET position = position + ? WHERE organisation_id = ''"

    def move(self) -> bool:
        """List the oldest rows of the tail when there are ROWS of them; return whether there were.

        For a thread with no transaction open.
        """
        if connection.vendor != "sqlite":
            return False
        with connection.cursor() as cursor:
            cursor.execute(self._waiting)
            if (cursor.fetchone()[0] or 0) < ROWS:
                return False
        with raw_transaction() as raw:
            # Asked again, now that nobody else writes: another process may have moved them meanwhile.
            if found := raw.execute(self._waiting).fetchone()[0] >= ROWS:
                raw.execute(self._move, [ROWS])
                raw.execute(self._mark, [ROWS])
        return bool(found)

    def create_statements(self, vendor: str, columns: Iterable[str]) -> list[str]:
        """Return what a migration runs after the table was made; `columns` are all of the table's."""
        once = f"CREATE UNIQUE INDEX {self._table}_once ON {self._table}"
        selects = self.selects(vendor, {name: name for name in columns})
        view = f"CREATE VIEW {self._table}_history AS {' UNION ALL '.join(selects)}"
        if vendor != "sqlite":
            return [f"{once} (organisation_id, {self._key})", view]
        return [
            f"{once} ({self._key}, organisation_id)",
            f"CREATE TABLE {self._listed} (organisation_id varchar(40) NOT NULL, {self._key} varchar(208) NOT NULL,"
            f" position bigint NOT NULL, PRIMARY KEY (organisation_id, {self._key})) WITHOUT ROWID",
            f"INSERT INTO {self._listed} VALUES ('', '', 0)",  # the row of no organisation: what is listed so far
            view,
        ]

    def selects(self, vendor: str, columns: Mapping[str, str], where: str = "") -> list[str]:
        """Return the statements that between them give each row once, for a view that joins several tables' histories.

        `columns` names what they give, each with the table's column, or the literal, that it is; `where` says which
        rows, by columns that are not listed.
        """
        named = ", ".join(f"{column} AS {name}" for name, column in columns.items())
        if vendor != "sqlite":
            return [f"SELECT {named} FROM {self._table}{where and f' WHERE {where}'}"]
        # In order by the listed columns: the planner does not see that the joined ones are the same. And the tail by
        # its positions: the other index would give its order, after a look at every row there ever was.
        joined = ", ".join(
            f"{f'listed.{column}' if column in self._ordered else column} AS {name}" for name, column in columns.items()
        )
        more = where and f" AND {where}"
        return [
            f"SELECT {joined} FROM {self._listed} AS listed CROSS JOIN {self._table} AS main"
            f" ON main.position = listed.position WHERE listed.organisation_id <> ''{more}",
            f"SELECT {named} FROM {self._table} NOT INDEXED WHERE position > {self._newest}{more}",
        ]

    def drop_statements(self, vendor: str) -> list[str]:
        """Return what a migration runs before it changes the table in any way, to create all of it again after."""
        listed = [f"DROP TABLE {self._listed}"] if vendor == "sqlite" else []
        return [f"DROP VIEW {self._table}_history", *listed, f"DROP INDEX {self._table}_once"]
