"""What an answer costs, in the real books: records, entries and balances of the kernel's ledger."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.ledger import services as ledger_services
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans.contracts import Quantities
from patchbay.kernel.usage import queries as usage
from patchbay.kernel.usage import runtime
from patchbay.lib.money import to_text
from patchbay.products.gateway import errors
from patchbay.products.gateway.contracts import OFFLINE_MODEL
from patchbay.products.gateway.engine.asks import write_chat
from patchbay.products.gateway.engine.books import KernelMeter
from patchbay.products.gateway.engine.contracts import Message, TokenUsage
from tests import factories
from tests.asgi import Answer
from tests.products.plugs.api.conftest import World

USED = Quantities(prompt_tokens=1200, cached_tokens=200, completion_tokens=34)


@pytest.fixture
def books(world: World) -> Iterator[World]:
    runtime.start()
    yield World(world.actor, world.plug, world.key, meter=KernelMeter())  # type: ignore[arg-type]
    runtime.stop()
    connection.close()


async def blocking(world: World, function: Any, *args: Any, **more: Any) -> Any:
    return await world.pool.run(function, *args, **more)


async def set_balance(world: World, amount_micro: int) -> None:
    """Leave the organisation exactly so much."""
    organisation_id = world.actor.organisation_id
    free = (await blocking(world, ledger.get_balance, organisation_id)).available_micro
    if free:
        await blocking(
            world,
            ledger_services.clawback,
            organisation_id=organisation_id,
            amount_micro=free,
            idempotency_key="empty",
        )
    await blocking(
        world,
        ledger_services.grant,
        organisation_id=organisation_id,
        amount_micro=amount_micro,
        kind="purchase",
        idempotency_key="exact",
    )


async def available(world: World) -> int:
    return (await blocking(world, ledger.get_balance, world.actor.organisation_id)).available_micro


async def cost(world: World) -> int:
    return (await blocking(world, plans.get_prices)).total_micro(USED)


async def worst(world: World) -> int:
    """What one question of the tests holds: its body's bytes and the whole output limit."""
    messages = (Message("system", "You are exact."), Message("user", "How long?"))
    body = write_chat(OFFLINE_MODEL, messages, settings.MAX_OUTPUT_TOKENS)
    prices = await blocking(world, plans.get_prices)
    return prices.worst_micro(prompt_tokens=len(body), completion_tokens=settings.MAX_OUTPUT_TOKENS)


async def assert_sound(world: World) -> None:
    """Stop, so that leases are returned and nothing moves, and recompute every balance."""
    await blocking(world, runtime.stop)
    assert await blocking(world, ledger.verify) == []
    assert await blocking(world, usage.verify, world.actor.organisation_id) == []


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_has_one_record_and_its_cost_left_the_balance(books: World, stream: bool) -> None:
    await set_balance(books, 50_000_000)
    answer = await books.ask(stream=stream)
    whole = answer.events[-1][1] if stream else answer.json()
    record = await blocking(books, usage.find_record, books.actor.organisation_id, answer.headers["x-request-id"])
    assert record.cost_micro == await cost(books) == 50_000_000 - await available(books)
    assert whole["usage"]["credits"] == to_text(record.cost_micro)
    assert (record.product, record.operation, record.outcome) == ("plugs", "chat", "answered")
    assert (record.plug_id, record.key_id, record.model) == (books.plug.id, books.key.key.id, "patchbay/offline")
    assert (record.prompt_tokens, record.cached_tokens, record.completion_tokens) == (1200, 200, 34)
    await assert_sound(books)


async def test_a_reported_zero_costs_nothing_and_is_recorded(books: World) -> None:
    await set_balance(books, 50_000_000)
    books.answers("Thirty days.", usage=TokenUsage(0, 0))
    answer = await books.ask()
    assert answer.json()["usage"]["credits"] == "0.000000"
    assert await available(books) == 50_000_000
    assert await blocking(books, usage.find_record, books.actor.organisation_id, answer.headers["x-request-id"])
    await assert_sound(books)


async def test_a_failed_model_leaves_no_record_and_no_cost(books: World) -> None:
    await set_balance(books, 50_000_000)
    books.answers("a", error=errors.ModelUnavailableError())
    assert (await books.ask()).status == 503
    assert (await books.ask(stream=True)).status == 503
    assert await available(books) == 50_000_000
    assert (await blocking(books, usage.list_records, books.actor.organisation_id)).data == []
    await assert_sound(books)


async def test_of_two_questions_with_the_last_credits_one_is_refused(books: World) -> None:
    """The second waits for what the first holds and does not spend; what comes back is too little."""
    await set_balance(books, await worst(books) + 1)
    gate = asyncio.Event()
    provider = books.answers("a", "b", gate=gate)
    first = asyncio.create_task(books.ask())
    await provider.called.wait()
    second = asyncio.create_task(books.ask())
    gate.set()
    assert (await first).status == 200
    refused = await second
    assert (refused.status, refused.json()["code"]) == (402, "insufficient_credits")
    assert await available(books) == await worst(books) + 1 - await cost(books)
    await assert_sound(books)


async def test_what_is_left_over_can_be_spent_at_once(books: World) -> None:
    """The cost is far below the hold: the difference is free again for the next question."""
    await set_balance(books, await worst(books) + await cost(books))
    assert [(await books.ask()).status for _ in range(3)] == [200, 200, 402]
    await assert_sound(books)


async def test_a_client_that_leaves_is_billed_for_what_was_produced(books: World) -> None:
    await set_balance(books, 50_000_000)
    gate = asyncio.Event()
    books.answers("Thirty ", "days.", gate=gate)

    def leave(answer: Answer) -> bool:
        if answer.events:
            gate.set()
        return bool(answer.events)

    answer = await books.ask(stream=True, leave_when=leave)
    assert [name for name, _ in answer.events] == ["delta"]
    record = await blocking(books, usage.find_record, books.actor.organisation_id, answer.headers["x-request-id"])
    assert record.cost_micro == await cost(books)
    await assert_sound(books)


async def test_a_retry_with_the_same_key_is_not_charged_again(books: World) -> None:
    await set_balance(books, 50_000_000)
    headers = {"idempotency-key": "k1"}
    first, second = [await books.ask(headers=headers) for _ in range(2)]
    assert first.body == second.body
    assert await available(books) == 50_000_000 - await cost(books)
    assert (await books.ask("Another?", headers=headers)).status == 422
    await assert_sound(books)


async def test_a_failed_request_frees_its_key(books: World) -> None:
    await set_balance(books, 50_000_000)
    books.answers("a", error=errors.ModelUnavailableError())
    assert (await books.ask(headers={"idempotency-key": "k1"})).status == 503
    books.answers("Thirty days.")
    assert (await books.ask(headers={"idempotency-key": "k1"})).status == 200


async def test_a_test_key_spends_nothing_even_without_credits(books: World) -> None:
    await set_balance(books, 1)
    tester = await blocking(books, factories.key, books.actor, environment="test")
    answer = await books.ask(secret=tester.secret)
    record = await blocking(books, usage.find_record, books.actor.organisation_id, answer.headers["x-request-id"])
    assert (answer.status, record.environment, record.cost_micro, record.lines) == (200, "test", 0, ())
    assert await available(books) == 1
    await assert_sound(books)


async def test_while_the_ledger_cannot_be_written_the_model_is_not_called(books: World) -> None:
    await set_balance(books, 50_000_000)
    runtime.get_runtime().book.refuse("The disk is full; nothing was charged.")
    answer = await books.ask()
    assert (answer.status, answer.json()["code"]) == (503, "unavailable")
    assert "retry-after" in answer.headers
    assert not books.provider.requests
