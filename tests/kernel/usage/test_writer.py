"""The writer: batches, items that fail alone, duplicates, costs above a hold, and a database that goes away."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from patchbay.kernel.events.models import OutboxEvent
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.ledger import services
from patchbay.kernel.ledger.engine import recalls
from patchbay.kernel.ledger.errors import InsufficientCreditsError
from patchbay.kernel.ledger.models import Entry, HistoryEntry
from patchbay.kernel.plans.contracts import CostLine, Rate
from patchbay.kernel.usage import models as tables
from patchbay.kernel.usage import queries, writer
from patchbay.kernel.usage.contracts import Charge, Settlement, UsageRecord
from patchbay.kernel.usage.engine import records
from patchbay.kernel.usage.runtime import Runtime
from patchbay.lib import listing
from patchbay.lib.errors import UnavailableError
from patchbay.lib.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def organisation(ledger_runtime: Runtime) -> Iterator[str]:
    organisation_id = new_id("org")
    services.grant(organisation_id=organisation_id, amount_micro=1_000, kind="purchase", idempotency_key="g")
    yield organisation_id
    assert ledger.verify() == []
    assert queries.verify(organisation_id) == []


def record(organisation: str, **fields: Any) -> UsageRecord:
    return UsageRecord(**{"request_id": new_id("req"), "organisation_id": organisation} | fields)


def pay(live: Runtime, organisation: str, hold: int, cost: int, **fields: Any) -> Charge:
    held = live.book.hold_blocking(organisation, hold)
    return live.writer.submit(Settlement(held, cost, record(organisation, **fields))).result(10)


def available(organisation: str) -> int:
    return ledger.get_balance(organisation).available_micro


def test_a_settle_writes_the_record_with_its_entry(ledger_runtime: Runtime, organisation: str) -> None:
    line = CostLine("prompt_tokens", 120, Rate(1_000_000, 1_000), 60)
    charge = pay(ledger_runtime, organisation, 100, 60, model="m", prompt_tokens=120, lines=(line,), request_id="req_1")
    assert charge == Charge(60, 0)
    found = queries.find_record(organisation, "req_1")
    assert found
    assert (found.cost_micro, found.model, found.prompt_tokens, found.lines) == (60, "m", 120, (line,))
    assert ledger.spent_by_request(organisation) == {"req_1": 60}
    assert available(organisation) == 940


def test_a_record_that_a_lease_paid_is_the_movement_and_is_never_changed(
    ledger_runtime: Runtime, organisation: str
) -> None:
    pay(ledger_runtime, organisation, 100, 60, request_id="req_paid")
    row = tables.UsageRecord.objects.get(request_id="req_paid")
    moved = HistoryEntry.objects.get(organisation_id=organisation, kind="spend")
    assert (moved.debit_account, moved.credit_account, moved.amount_micro) == (row.lease_id, "spent", 60)
    assert row.lease_id.startswith("lease_")
    pay(ledger_runtime, organisation, 100, 0, request_id="req_free")
    assert not tables.UsageRecord.objects.get(request_id="req_free").lease_id
    rows = tables.UsageRecord.objects.filter(organisation_id=organisation)
    for change in (
        lambda: rows.filter(request_id="req_paid").update(cost_micro=1),
        lambda: rows.filter(request_id="req_paid").delete(),
        lambda: rows.filter(request_id="req_free").update(cost_micro=1, lease_id=row.lease_id),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_what_lots_paid_beside_a_lease_has_entries_of_its_own(ledger_runtime: Runtime, organisation: str) -> None:
    assert pay(ledger_runtime, organisation, 100, 400, request_id="req_more") == Charge(400, 0)
    assert not tables.UsageRecord.objects.get(request_id="req_more").lease_id
    spent = Entry.objects.filter(request_id="req_more", kind="spend")
    assert sum(entry.amount_micro for entry in spent) == 400


def test_the_writer_orders_what_it_wrote_by_organisation(
    ledger_runtime: Runtime, organisation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "ROWS", 3)
    monkeypatch.setattr(writer, "ORDER_SECONDS", 0.0)
    monkeypatch.setattr(ledger_runtime.writer, "_order_at", 0.0)  # it may have looked, and put it off, by now
    ids = [new_id("req") for _ in range(21)]
    pay(ledger_runtime, organisation, 10, 1, request_id=ids[0])
    while services.order_history() or records.order_history():
        pass  # what earlier tests wrote counts as waiting, though it is gone: a look at an empty table would not see it
    for request_id in ids[1:]:
        pay(ledger_runtime, organisation, 10, 1, request_id=request_id)
        assert queries.count_records(organisation) == len(ledger.spent_by_request(organisation))
    assert [found.request_id for found in queries.list_records(organisation).data] == sorted(ids, reverse=True)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM usage_usagerecord_listed WHERE organisation_id = %s", [organisation])
            assert cursor.fetchone()[0] >= 3


def test_a_hold_waits_for_what_a_call_under_way_leaves_over(ledger_runtime: Runtime, organisation: str) -> None:
    book, live = ledger_runtime.book, ledger_runtime.writer

    async def overlap() -> int:
        first = await book.hold(organisation, 900)
        second = asyncio.create_task(book.hold(organisation, 900))
        small = await book.hold(organisation, 100)  # the rest is not kept from who needs no more
        assert not second.done()
        assert writer.HELD_UP.values == {(): 1}
        book.release(small)
        await live.settle(Settlement(first, 50, record(organisation)))
        return (await second).amount_micro

    assert asyncio.run(overlap()) == 900
    assert available(organisation) == 950
    assert writer.HELD_UP.values == {(): 0}


def test_a_hold_that_waits_is_refused_once_what_it_needs_is_spent(ledger_runtime: Runtime, organisation: str) -> None:
    book, live = ledger_runtime.book, ledger_runtime.writer

    async def overlap() -> None:
        first = await book.hold(organisation, 900)
        second = asyncio.create_task(book.hold(organisation, 900))
        await asyncio.sleep(0)
        await live.settle(Settlement(first, 101, record(organisation)))
        await second

    with pytest.raises(InsufficientCreditsError) as refused:
        asyncio.run(overlap())
    assert refused.value.extra == {"required": "0.000900", "available": "0.000899"}


def test_who_waits_too_long_for_calls_under_way_is_asked_to_come_again(
    ledger_runtime: Runtime, organisation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recalls, "PATIENCE_SECONDS", 0.05)
    ledger_runtime.book.hold_blocking(organisation, 900)
    with pytest.raises(UnavailableError) as refused:
        asyncio.run(ledger_runtime.book.hold(organisation, 900))
    assert refused.value.retry_after == 1


def test_what_arrives_while_a_batch_is_written_is_committed_with_it(
    ledger_runtime: Runtime, organisation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, live = ledger_runtime.book, ledger_runtime.writer
    first, second = book.hold_blocking(organisation, 10), book.hold_blocking(organisation, 10)
    insert, resolve = records.insert, live._resolve
    later: list[Any] = []
    commits: list[int] = []

    def insert_while_more_arrives(cursor: Any, rows: Any) -> None:
        if not later:
            later.append(live.submit(Settlement(second, 4, record(organisation))))
        insert(cursor, rows)

    def count(entries: Any) -> None:
        commits.append(len(entries))
        resolve(entries)

    monkeypatch.setattr(records, "insert", insert_while_more_arrives)
    monkeypatch.setattr(live, "_resolve", count)
    assert live.submit(Settlement(first, 3, record(organisation))).result(5) == Charge(3, 0)
    assert later[0].result(5) == Charge(4, 0)
    assert commits == [2]
    assert available(organisation) == 993


def test_what_a_hold_does_not_need_is_free_at_once(ledger_runtime: Runtime, organisation: str) -> None:
    for _ in range(10):
        pay(ledger_runtime, organisation, 990, 1)
    assert available(organisation) == 990


def test_a_cost_above_the_hold_is_paid_as_far_as_the_balance_goes(ledger_runtime: Runtime, organisation: str) -> None:
    assert pay(ledger_runtime, organisation, 100, 400) == Charge(400, 0)
    assert pay(ledger_runtime, organisation, 100, 900, request_id="req_loss") == Charge(600, 300)
    found = queries.find_record(organisation, "req_loss")
    assert found
    assert (found.cost_micro, found.loss_micro) == (600, 300)
    assert available(organisation) == 0


def test_a_request_that_comes_twice_is_charged_once(ledger_runtime: Runtime, organisation: str) -> None:
    first = pay(ledger_runtime, organisation, 100, 60, request_id="req_same")
    again = pay(ledger_runtime, organisation, 100, 60, request_id="req_same")
    assert (again.charged_micro, again.loss_micro) == (first.charged_micro, first.loss_micro)
    assert available(organisation) == 940
    assert ledger_runtime.book.hold_blocking(organisation, 940).amount_micro == 940


def test_one_poisoned_item_fails_alone(ledger_runtime: Runtime, organisation: str) -> None:
    async def batch() -> list[Charge | BaseException]:
        live = ledger_runtime
        holds = [await live.book.hold(organisation, 50) for _ in range(5)]
        records = [record(organisation) for _ in holds]
        records[2] = record(organisation, tries=None)  # a column that must not be null
        return await asyncio.gather(
            *(live.writer.settle(Settlement(h, 50, r)) for h, r in zip(holds, records, strict=True)),
            return_exceptions=True,
        )

    ends = asyncio.run(batch())
    assert [isinstance(end, Exception) for end in ends] == [False, False, True, False, False]
    assert available(organisation) == 800
    assert ledger_runtime.book.hold_blocking(organisation, 800).amount_micro == 800


def test_a_test_key_is_recorded_and_free(ledger_runtime: Runtime, organisation: str) -> None:
    settlement = Settlement(None, 0, record(organisation, environment="test", request_id="req_test"))
    assert ledger_runtime.writer.submit(settlement).result(10) == Charge(0, 0)
    found = queries.find_record(organisation, "req_test")
    assert found
    assert found.cost_micro == 0
    with pytest.raises(ValueError, match="test key"):
        ledger_runtime.writer.submit(Settlement(None, 1, record(organisation, environment="test")))


def test_a_hold_is_settled_once_and_within_its_organisation(ledger_runtime: Runtime, organisation: str) -> None:
    hold = ledger_runtime.book.hold_blocking(organisation, 10)
    with pytest.raises(ValueError, match="another organisation"):
        ledger_runtime.writer.submit(Settlement(hold, 1, record("org_other")))
    ledger_runtime.book.release(hold)
    ledger_runtime.book.release(hold)
    with pytest.raises(ValueError, match="already"):
        ledger_runtime.writer.submit(Settlement(hold, 1, record(organisation)))
    assert ledger_runtime.book.hold_blocking(organisation, 1_000).amount_micro == 1_000


def test_a_hold_beyond_the_balance_is_refused_with_the_numbers(ledger_runtime: Runtime, organisation: str) -> None:
    with pytest.raises(InsufficientCreditsError) as refusal:
        ledger_runtime.book.hold_blocking(organisation, 1_001)
    assert refusal.value.status == 402
    assert refusal.value.extra == {"required": "0.001001", "available": "0.001000"}
    with pytest.raises(InsufficientCreditsError):
        ledger_runtime.book.hold_blocking(new_id("org"), 1)


def test_a_cancelled_hold_leaves_its_credit_free(ledger_runtime: Runtime, organisation: str) -> None:
    async def cancel() -> None:
        for _ in range(20):
            task = asyncio.create_task(ledger_runtime.book.hold(organisation, 1_000))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        (await ledger_runtime.book.hold(organisation, 1_000)).open = True

    asyncio.run(cancel())


def test_credit_that_was_granted_since_is_found(ledger_runtime: Runtime, organisation: str) -> None:
    pay(ledger_runtime, organisation, 1_000, 1_000)
    services.grant(organisation_id=organisation, amount_micro=70, kind="promo", idempotency_key="p")
    assert pay(ledger_runtime, organisation, 70, 70) == Charge(70, 0)


def test_while_nothing_commits_holds_are_refused_and_pending_settles_wait(
    ledger_runtime: Runtime, organisation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = ledger_runtime
    hold = live.book.hold_blocking(organisation, 100)

    def away(*_: object) -> None:
        raise OperationalError("the database is away")

    with monkeypatch.context() as broken:
        broken.setattr(writer.ledger, "check_open", away)
        broken.setattr(writer.ledger, "beat", away)
        settle = live.writer.submit(Settlement(hold, 60, record(organisation)))
        while live.writer.healthy:
            pass
        with pytest.raises(UnavailableError):
            live.book.hold_blocking(organisation, 1)
        assert not settle.done()
    assert settle.result(10) == Charge(60, 0)
    while not live.writer.healthy:
        pass
    assert live.book.hold_blocking(organisation, 940).amount_micro == 940


def test_a_settle_that_cannot_be_written_for_long_fails_and_takes_nothing(
    ledger_runtime: Runtime, organisation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = ledger_runtime
    hold = live.book.hold_blocking(organisation, 100)

    def full(*_: object) -> None:
        raise OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(writer, "PATIENCE_SECONDS", 0.1)
        broken.setattr(writer.ledger, "check_open", full)
        broken.setattr(writer.ledger, "beat", full)
        with pytest.raises(UnavailableError):
            live.writer.submit(Settlement(hold, 60, record(organisation))).result(10)
    while not live.writer.healthy:
        pass
    assert available(organisation) == 1_000
    assert live.book.hold_blocking(organisation, 1_000).amount_micro == 1_000


def test_a_cost_that_nothing_covers_is_an_event_for_operators(ledger_runtime: Runtime, organisation: str) -> None:
    pay(ledger_runtime, organisation, 100, 400)
    assert not OutboxEvent.objects.exists()
    pay(ledger_runtime, organisation, 100, 900, request_id="req_loss")
    event = OutboxEvent.objects.get()
    assert (event.organisation_id, event.type) == (organisation, "ledger.platform_loss")
    assert event.payload == {"request_id": "req_loss", "amount_micro": 300}


@pytest.mark.parametrize("inside", [False, True])
def test_the_proof_holds_while_credits_move(ledger_runtime: Runtime, organisation: str, inside: bool) -> None:
    services.grant(organisation_id=organisation, amount_micro=10**9, kind="purchase", idempotency_key="more")
    live, stop = ledger_runtime, threading.Event()

    async def client() -> None:
        while not stop.is_set():
            hold = await live.book.hold(organisation, 10**8)
            await live.writer.settle(Settlement(hold, 1, record(organisation)))

    async def clients() -> None:
        await asyncio.gather(*(client() for _ in range(4)))

    moving = threading.Thread(target=asyncio.run, args=(clients(),))
    moving.start()
    try:
        for _ in range(2_000):
            with transaction.atomic() if inside else nullcontext():
                assert ledger.verify() == []
            if queries.count_records(organisation) > 30:
                break
    finally:
        stop.set()
        moving.join()
    assert queries.count_records(organisation) > 30
