"""The order of entries by organisation is written behind them, and no reader can tell."""

import itertools
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection

from patchbay.kernel.ledger import queries, services
from patchbay.kernel.ledger.engine import moves
from patchbay.kernel.ledger.models import Entry, HistoryEntry
from patchbay.lib import listing
from patchbay.lib.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def few(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "ROWS", 5)
    numbers = itertools.count(1)  # two ids of one millisecond would be in any order
    monkeypatch.setattr(moves, "new_id", lambda prefix: f"{prefix}_{next(numbers):032x}")
    if connection.vendor == "sqlite":  # entries of earlier tests were taken away, as nothing else can
        with connection.cursor() as cursor:
            cursor.execute("UPDATE ledger_entry_listed SET position = 0 WHERE organisation_id = ''")
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = 'ledger_entry'")
            cursor.execute("DELETE FROM ledger_entry_listed WHERE organisation_id <> ''")


@pytest.fixture
def organisations() -> list[str]:
    return [new_id("org") for _ in range(3)]


def grant(organisation: str, amount: int) -> None:
    services.grant(
        organisation_id=organisation, amount_micro=amount, kind="promo", idempotency_key=f"g{amount}", reason="test"
    )


def amounts(organisation: str) -> list[int]:
    """Walk the history in pages of two."""
    found, cursor = [], None
    while True:
        page = queries.list_entries(organisation, limit=2, cursor=cursor)
        found += [entry.amount_micro for entry in page.data]
        if (cursor := page.next_cursor) is None:
            return found


def listed() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_entry_listed JOIN ledger_entry USING (position, idempotency_key)")
        count: int = cursor.fetchone()[0]
    return count


def test_a_history_is_whole_and_in_order_at_every_step(organisations: list[str]) -> None:
    for amount in range(1, 14):
        grant(organisations[amount % 3], amount)
        services.order_history()
        for number, organisation in enumerate(organisations):
            assert amounts(organisation) == [past for past in range(amount, 0, -1) if past % 3 == number]
            assert queries.total_granted(organisation) == sum(p for p in range(1, amount + 1) if p % 3 == number)
        assert HistoryEntry.objects.count() == Entry.objects.count() == amount
        assert queries.verify() == []
    if connection.vendor == "sqlite":
        assert listed() == 10
    assert amounts("org_stranger") == []
    assert amounts("") == []


def test_a_page_goes_on_where_it_ended_though_its_rows_were_listed_meanwhile(organisations: list[str]) -> None:
    for amount in range(1, 9):
        grant(organisations[0], amount)
    first = queries.list_entries(organisations[0], limit=2)
    moved = services.order_history()
    assert moved == (connection.vendor == "sqlite")
    grant(organisations[0], 9)
    rest = queries.list_entries(organisations[0], limit=20, cursor=first.next_cursor)
    assert [entry.amount_micro for entry in (*first.data, *rest.data)] == [8, 7, 6, 5, 4, 3, 2, 1]


def test_rows_that_another_process_listed_meanwhile_are_not_listed_again(
    organisations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = listing.raw_transaction

    def begin_late() -> AbstractContextManager[Any]:
        monkeypatch.setattr(listing, "raw_transaction", begin)
        assert services.order_history()
        return begin()

    monkeypatch.setattr(listing, "raw_transaction", begin_late)
    for amount in range(1, 8):
        grant(organisations[0], amount)
    assert not services.order_history()
    grant(organisations[0], 8)
    assert amounts(organisations[0]) == [8, 7, 6, 5, 4, 3, 2, 1]


def test_few_rows_wait_for_more(organisations: list[str]) -> None:
    for amount in range(1, 5):
        grant(organisations[0], amount)
    assert not services.order_history()
    assert amounts(organisations[0]) == [4, 3, 2, 1]


def test_an_entry_with_an_older_key_that_was_written_late_is_found_in_its_place(organisations: list[str]) -> None:
    for amount in (2, 3, 4, 5, 6, 7):
        grant(organisations[0], amount)
    services.order_history()
    newest = Entry.objects.filter(amount_micro=7).get()
    oldest = Entry.objects.filter(amount_micro=2).get()
    late = {"kind": "spend", "debit_account": "lease_a", "credit_account": "spent", "created_at": newest.created_at}
    key = oldest.idempotency_key[:-1] + "!"  # a request that began before all the others, and ended after them
    Entry.objects.create(organisation_id=organisations[0], amount_micro=1, idempotency_key=key, **late)
    assert amounts(organisations[0]) == [7, 6, 5, 4, 3, 2, -1]


def test_the_newest_page_reads_neither_other_organisations_nor_the_whole_history(organisations: list[str]) -> None:
    if connection.vendor == "sqlite":
        plan = queries.filter_entries(organisations[0], kind=None, since=None, until=None)
        steps = plan.order_by("-idempotency_key")[:51].explain()
        entries, entries_tail, records, records_tail = steps.split("RIGHT")
        for listed_part in (entries, records):
            assert "SEARCH listed USING PRIMARY KEY (organisation_id=?)" in listed_part
            assert "TEMP B-TREE" not in listed_part
        assert "SEARCH ledger_entry USING INTEGER PRIMARY KEY (rowid>?)" in entries_tail
        assert "SEARCH usage_usagerecord USING INTEGER PRIMARY KEY (rowid>?)" in records_tail
