"""A listing moves rows behind the writes, in the order of organisations, and its view misses none meanwhile."""

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, connection, transaction

from patchbay.lib import listing
from patchbay.lib.listing import Listing

pytestmark = pytest.mark.django_db(transaction=True)
COLUMNS = ("position", "organisation_id", "key", "note")


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listing]:
    monkeypatch.setattr(listing, "ROWS", 4)
    made = Listing("test_act", "key")
    position = "integer PRIMARY KEY AUTOINCREMENT" if connection.vendor == "sqlite" else "bigserial PRIMARY KEY"
    run(f"CREATE TABLE test_act (position {position}, organisation_id text, key text, note text)")
    run(*made.create_statements(connection.vendor, COLUMNS))
    yield made
    run(*made.drop_statements(connection.vendor), "DROP TABLE test_act")


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def add(organisation: str, key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO test_act (organisation_id, key, note) VALUES (%s, %s, 'n')", [organisation, key])


def rows(statement: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def listed() -> list[tuple[object, ...]]:
    if connection.vendor != "sqlite":
        return []  # the view is the table
    return rows("SELECT organisation_id, key FROM test_act_listed WHERE organisation_id <> ''")


def test_the_view_has_every_row_once_before_and_after_a_move(table: Listing) -> None:
    for number in range(9):
        add("ba"[number % 2], f"k{8 - number}")
        found = rows("SELECT organisation_id, key, note FROM test_act_history ORDER BY organisation_id, key")
        assert found == rows("SELECT organisation_id, key, note FROM test_act ORDER BY organisation_id, key")
        assert len(found) == number + 1
        table.move()


def test_nothing_moves_before_there_are_enough_rows(table: Listing) -> None:
    assert not table.move()
    for key in "abc":
        add("o", key)
    assert not table.move()
    assert listed() == []


def test_a_move_lists_the_oldest_rows_by_organisation_where_there_is_a_listing(table: Listing) -> None:
    for organisation, key in (("z", "2"), ("a", "9"), ("z", "1"), ("a", "3"), ("a", "1")):
        add(organisation, key)
    lists = connection.vendor == "sqlite"
    assert table.move() is lists
    assert listed() == ([("a", "3"), ("a", "9"), ("z", "1"), ("z", "2")] if lists else [])
    assert not table.move()  # one row is left


def test_a_key_is_used_once_by_an_organisation_and_again_by_another(table: Listing) -> None:
    add("a", "k")
    add("b", "k")
    with pytest.raises(IntegrityError), transaction.atomic():
        add("a", "k")


def test_what_was_made_can_be_dropped_and_made_again(table: Listing) -> None:
    add("a", "k")
    run(*table.drop_statements(connection.vendor), *table.create_statements(connection.vendor, COLUMNS))
    assert rows("SELECT organisation_id, key FROM test_act_history") == [("a", "k")]
