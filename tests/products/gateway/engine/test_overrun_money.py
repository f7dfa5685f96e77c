"""A provider that counts a hundred times what was held, in the real books: nothing below zero, nothing unsaid."""

import asyncio
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from msgspec.structs import replace

from patchbay.kernel.audit import queries as audit
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.ledger import services as ledger_services
from patchbay.kernel.usage import queries as usage
from patchbay.kernel.usage.models import UsageRecord
from patchbay.kernel.usage.runtime import Runtime
from patchbay.lib.ids import new_id
from patchbay.products.gateway.contracts import Act, Caller
from patchbay.products.gateway.engine.books import KernelMeter
from patchbay.products.gateway.engine.request_log import REQUEST_LOG
from tests.fakes.provider import Bench, ask, whole
from tests.products.gateway.engine.test_overruns import COST, MANY

pytestmark = pytest.mark.django_db(transaction=True)
CALLS = 6
BALANCE = 2 * COST + COST // 2


@pytest.fixture
def organisation(ledger_runtime: Runtime) -> Iterator[str]:
    organisation_id = new_id("org")
    ledger_services.grant(organisation_id=organisation_id, amount_micro=BALANCE, kind="purchase", idempotency_key="all")
    yield organisation_id
    assert REQUEST_LOG.flush()
    assert ledger.verify() == []
    assert usage.verify(organisation_id) == []


async def test_the_books_hold_all_that_was_counted_and_what_nobody_could_pay(organisation: str) -> None:
    bench = Bench(meter=KernelMeter())  # type: ignore[arg-type]
    terms = bench.terms(bench.target("a", *[whole(usage=MANY) for _ in range(CALLS)]))
    caller = Caller(organisation_id=organisation, requests_per_minute=60)

    async def run() -> None:
        request = replace(ask(caller=caller), act=Act(new_id("req"), "gateway", "chat"))
        async with bench.engine.call(request, terms) as call:
            await call.settle()

    together = asyncio.Barrier(CALLS)
    send = bench.transports["a"].send

    async def send_together(*arguments: object) -> object:
        await together.wait()
        return await send(*arguments)  # type: ignore[arg-type]

    bench.transports["a"].send = send_together  # type: ignore[assignment,method-assign]
    await asyncio.gather(*(run() for _ in range(CALLS)))
    records = await sync_to_async(lambda: list(UsageRecord.objects.filter(organisation_id=organisation)))()
    assert [record.cost_micro + record.loss_micro for record in records] == [COST] * CALLS
    assert sum(record.cost_micro for record in records) == BALANCE
    assert sum(record.loss_micro for record in records) == CALLS * COST - BALANCE
    assert (await sync_to_async(ledger.get_balance)(organisation)).available_micro == 0
    assert await sync_to_async(REQUEST_LOG.flush)()
    events = (await sync_to_async(audit.list_events)(organisation)).data
    told = [event for event in events if event.action == "request.cost_more_than_held"]
    assert {event.target_id for event in told} == {record.request_id for record in records}
    assert all(event.changes["cost_micro"] == COST for event in told)
