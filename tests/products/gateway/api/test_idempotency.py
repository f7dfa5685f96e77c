"""`Idempotency-Key` at every door: one call, one charge, and the same bytes again, whole or streamed."""

import asyncio
from typing import Any

import pytest

from tests.asgi import Answer
from tests.fakes.upstream import Fault, Script
from tests.products.gateway.api.conftest import House
from tests.products.gateway.api.test_faults import told

KEY = {"idempotency-key": "order-1"}
DOORS: list[tuple[str, Any, str, bool]] = [
    ("chat", "openai", "gpt", False),
    ("chat", "openai", "gpt", True),
    ("chat", "anthropic", "claude", True),
    ("responses", "openai", "gpt", False),
    ("responses", "openai", "gpt", True),
    ("messages", "anthropic", "claude", False),
    ("messages", "anthropic", "claude", True),
    ("messages", "openai", "gpt", True),
    ("embeddings", "openai", "embed", False),
]


def calls_made(house: House) -> int:
    return len(house.openai.calls) + len(house.anthropic.calls)


@pytest.mark.parametrize(("door", "kind", "model", "stream"), DOORS)
async def test_a_retry_gets_the_same_bytes_and_pays_nothing(
    house: House, door: str, kind: Any, model: str, stream: bool
) -> None:
    alias = house.alias("m", (kind, model))
    first = await house.ask(door, alias, stream=stream, headers=KEY)
    assert "idempotency-replayed" not in first.headers
    for _ in range(2):
        again = await house.ask(door, alias, stream=stream, headers=KEY)
        assert (again.status, again.body, again.complete) == (200, first.body, True)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["content-type"] == first.headers["content-type"]
        assert "ratelimit" in again.headers
    assert calls_made(house) == len(house.meter.charges) == 1
    await house.nothing_is_left()


@pytest.mark.parametrize(("door", "kind", "model", "stream"), DOORS)
async def test_two_at_once_are_one_call_and_the_second_is_told_to_wait(
    house: House, door: str, kind: Any, model: str, stream: bool
) -> None:
    fake = house.openai if kind == "openai" else house.anthropic
    fake.then(Script(gate="g", gate_at=0))
    alias = house.alias("m", (kind, model))
    first = asyncio.create_task(house.ask(door, alias, stream=stream, headers=KEY))
    await fake.until_calls(1)
    second = await house.ask(door, alias, stream=stream, headers=KEY)
    assert second.status == 409
    assert int(second.headers["retry-after"]) >= 1
    told(door, second.body)
    fake.open("g")
    answered = await first
    again = await house.ask(door, alias, stream=stream, headers=KEY)
    assert (again.status, again.body) == (200, answered.body)
    assert calls_made(house) == len(house.meter.charges) == 1


@pytest.mark.parametrize(("door", "kind", "model"), [each[:3] for each in DOORS if not each[3]])
async def test_the_key_of_another_body_is_refused(house: House, door: str, kind: Any, model: str) -> None:
    alias = house.alias("m", (kind, model))
    await house.ask(door, alias, headers=KEY)
    other = await house.ask(door, alias, headers=KEY, user="someone else")
    assert other.status == 400
    told(door, other.body)
    assert len(house.meter.charges) == 1


async def test_what_failed_may_be_tried_again_with_its_key(house: House) -> None:
    alias = house.alias("m", ("openai", "gpt"))
    house.openai.then(Script(status=400), Script(fault=None))
    assert (await house.ask("chat", alias, headers=KEY)).status == 400
    assert not house.meter.claims
    assert (await house.ask("chat", alias, headers=KEY)).status == 200
    assert len(house.meter.charges) == 1


async def test_a_stream_that_broke_may_be_tried_again_with_its_key(house: House) -> None:
    alias = house.alias("m", ("openai", "gpt"))
    house.openai.then(Script(fault=Fault.CLOSED_INSIDE_BODY, gate="g", gate_at=1))
    asking = asyncio.create_task(house.ask("chat", alias, stream=True, headers=KEY))
    await house.openai.until_calls(1)
    house.openai.open("g")
    broken = await asking
    assert b"data: [DONE]" not in broken.body
    again = await house.ask("chat", alias, stream=True, headers=KEY)
    assert again.body.endswith(b"data: [DONE]\n\n")
    assert len(house.meter.charges) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
async def test_a_key_that_cannot_be_one_is_refused_and_named(house: House, key: str) -> None:
    answer: Answer = await house.ask("chat", house.alias("m", ("openai", "gpt")), headers={"idempotency-key": key})
    assert answer.status == 400
    assert told("chat", answer.body)["param"] == "Idempotency-Key"
    assert not house.openai.calls


async def test_keys_are_each_organisations_own(house: House) -> None:
    house.add_key("sme_live_two", "org_2")
    alias = house.alias("m", ("openai", "gpt"))
    await house.ask("chat", alias, headers=KEY)
    other = await house.ask("chat", alias, headers=KEY, secret="sme_live_two")
    assert "idempotency-replayed" not in other.headers
    assert [charge.caller.organisation_id for charge in house.meter.charges] == ["org_1", "org_2"]


async def test_a_live_key_does_not_get_a_test_keys_answer(house: House) -> None:
    house.add_key("sme_test_one", "org_1", environment="test")
    alias = house.alias("m", ("openai", "gpt"))
    said: Any = {"messages": [{"role": "user", "content": "The quay closes at 22:00.\n\nWhen does the quay close?"}]}
    assert (await house.ask("chat", alias, headers=KEY, secret="sme_test_one", **said)).status == 200
    assert (await house.ask("chat", alias, headers=KEY, **said)).status == 400
    assert not house.openai.calls
