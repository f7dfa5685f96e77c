"""`/v1/credits`: the balance and the history of the key's organisation, as pages and as CSV."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync

from patchbay.kernel.ledger import queries, services
from patchbay.kernel.ledger.api import router
from patchbay.lib.actor import Actor
from patchbay.lib.exports import csv_response
from tests import factories
from tests.kernel.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def rest() -> Rest:
    return Rest(router, "credits-test")


@pytest.fixture
def owner() -> Actor:
    return factories.owner()


@pytest.fixture
def key(owner: Actor) -> str:
    return factories.key(owner).secret


def buy(owner: Actor, amount: int, reason: str = "") -> None:
    services.grant(
        organisation_id=owner.organisation_id,
        amount_micro=amount,
        kind="purchase",
        idempotency_key=f"buy-{amount}",
        reason=reason,
    )


def hold(owner: Actor, amount: int) -> str:
    view = services.hold(
        organisation_id=owner.organisation_id, amount_micro=amount, idempotency_key=f"hold-{amount}", seconds=60
    )
    return view.id


def spend(owner: Actor, amount: int, request_id: str) -> None:
    services.settle_hold(
        organisation_id=owner.organisation_id, hold_id=hold(owner, amount), cost_micro=amount, request_id=request_id
    )


def entries(rest: Rest, key: str, query: str = "") -> list[tuple[str, str]]:
    status, page = rest.call("GET", f"/entries{query}", key=key)
    assert status == 200
    return [(entry["kind"], entry["amount"]) for entry in page["data"]]


def test_the_balance_says_what_is_free_and_what_is_held(rest: Rest, owner: Actor, key: str) -> None:
    before = float(rest.call("GET", "/balance", key=key)[1]["available"])
    buy(owner, 5_500_000)
    hold(owner, 1_250_000)
    status, body = rest.call("GET", "/balance", key=key)
    assert (status, body["held"], body["currency"]) == (200, "1.250000", "credits")
    assert float(body["available"]) == pytest.approx(before + 4.25)


def test_the_history_is_newest_first_and_hides_what_only_moved(rest: Rest, owner: Actor, key: str) -> None:
    buy(owner, 7_000_000, "invoice 7")
    spend(owner, 1_500_000, "req_1")
    newest, bought, *_ = rest.call("GET", "/entries", key=key)[1]["data"]
    assert (newest["kind"], newest["amount"], newest["request_id"]) == ("spend", "-1.500000", "req_1")
    assert (bought["kind"], bought["amount"], bought["request_id"]) == ("grant", "7.000000", None)
    assert bought["reason"] == "invoice 7"
    assert bought["created_at"].endswith("Z")
    assert {kind for kind, _ in entries(rest, key)} == {"grant", "spend"}


def test_pages_follow_each_other_without_gap_or_repeat(rest: Rest, owner: Actor, key: str) -> None:
    for amount in range(1, 6):
        buy(owner, amount * 1_000_000)
    whole, cursor, pages = entries(rest, key), "", []
    while True:
        _, page = rest.call("GET", f"/entries?limit=2{cursor}", key=key)
        assert len(page["data"]) <= 2
        pages += [(entry["kind"], entry["amount"]) for entry in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == whole
    assert len(whole) >= 5


def test_the_history_is_filtered_by_kind_and_time(rest: Rest, owner: Actor, key: str) -> None:
    buy(owner, 7_000_000)
    spend(owner, 1_500_000, "req_1")
    assert entries(rest, key, "?kind=spend") == [("spend", "-1.500000")]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert entries(rest, key, f"?since={tomorrow}") == []
    assert entries(rest, key, f"?kind=spend&until={tomorrow}") == [("spend", "-1.500000")]
    assert rest.call("GET", "/entries?kind=lease", key=key)[0] == 422


def test_the_csv_holds_the_same_lines_and_no_formula(rest: Rest, owner: Actor, key: str) -> None:
    buy(owner, 7_000_000, '=HYPERLINK("http://example.com")')
    spend(owner, 1_500_000, "req_1")
    status, text = rest.text("/entries.csv", key=key)
    assert status == 200
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == ["id", "created_at", "kind", "credits", "request_id", "reason"]
    assert [(row["kind"], row["credits"]) for row in rows] == entries(rest, key)
    assert rows[1]["reason"] == '\'=HYPERLINK("http://example.com")'
    filtered = rest.text("/entries.csv?kind=spend", key=key)[1]
    assert [row["request_id"] for row in csv.DictReader(filtered.splitlines())] == ["req_1"]


def test_the_csv_reads_one_block_after_the_other_and_each_entry_once(
    owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "CSV_BLOCK", 3)
    for number in range(1, 8):
        buy(owner, number * 1_000_000)
    blocks = queries.iterate_csv(owner.organisation_id)
    sizes, text = [], ""
    for block in blocks:
        sizes.append(len(block.splitlines()))
        text += block
        if len(sizes) == 2:
            buy(owner, 9_000_000)  # comes on top, where the export has been
    assert sizes == [1, 3, 3, 2], "the head, then the monthly grant and seven purchases"
    ids = [row["id"] for row in csv.DictReader(text.splitlines())]
    assert len(set(ids)) == 8
    assert ids == sorted(ids, reverse=True)


def test_a_csv_is_made_while_it_is_sent() -> None:
    asked: list[int] = []

    def blocks() -> Iterator[str]:
        for number in range(3):
            asked.append(number)
            yield f"{number}\n"

    async def take_first() -> bytes:
        return await anext(aiter(csv_response(blocks(), "credits.csv")))

    assert async_to_sync(take_first)() == b"0\n"
    assert asked == [0]


def test_another_organisation_sees_nothing_of_it(rest: Rest, owner: Actor, key: str) -> None:
    stranger = factories.key().secret
    before = rest.call("GET", "/balance", key=stranger)[1]
    buy(owner, 7_000_000)
    spend(owner, 1_500_000, "req_1")
    assert rest.call("GET", "/balance", key=stranger)[1] == before
    assert entries(rest, stranger, "?kind=spend") == []
    assert "req_1" not in rest.text("/entries.csv", key=stranger)[1]
