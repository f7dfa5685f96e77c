"""The response cache at the doors: opt-in, the same bytes, its own price, and nobody else's answers."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans.contracts import Rate
from tests.asgi import Answer
from tests.fakes.provider import PRICES
from tests.fakes.upstream import Fault, Script
from tests.products.gateway.api.conftest import House
from tests.products.gateway.api.test_idempotency import DOORS, calls_made

CACHE = {"x-patchbay-cache": "60"}
HIT_MICRO = 7000


@pytest.fixture(autouse=True)
def _hits_have_a_price(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = replace(PRICES, rates=dict(PRICES.rates) | {"cache_hits": Rate(HIT_MICRO, 1)})
    monkeypatch.setattr(plans, "find_cached_prices", lambda name: prices)


def outcomes(house: House) -> list[tuple[str, int]]:
    return [(charge.outcome, charge.cost_micro) for charge in house.meter.charges]


@pytest.mark.parametrize(("door", "kind", "model", "stream"), DOORS)
async def test_a_hit_is_the_same_bytes_at_the_price_of_a_hit(
    house: House, door: str, kind: Any, model: str, stream: bool
) -> None:
    alias = house.alias("m", (kind, model))
    first = await house.ask(door, alias, stream=stream, headers=CACHE)
    again = await house.ask(door, alias, stream=stream, headers=CACHE)
    assert (first.headers["x-patchbay-cache"], again.headers["x-patchbay-cache"]) == ("miss", "hit")
    assert (again.status, again.body, again.complete) == (200, first.body, True)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["x-patchbay-credits"] == "0.007000"
    assert calls_made(house) == 1
    [asked, hit] = house.meter.charges
    assert (asked.outcome, asked.cache_hits) == ("answered", 0)
    assert (hit.outcome, hit.cost_micro, hit.cache_hits, hit.usage.prompt) == ("cached", HIT_MICRO, 1, 0)
    assert hit.act.request_id == again.headers["x-request-id"]
    await house.nothing_is_left()


async def test_without_a_word_nothing_is_kept(house: House) -> None:
    alias = house.alias("m", ("openai", "gpt"))
    for headers in ({}, {}, {"x-patchbay-cache": "off"}):
        assert "x-patchbay-cache" not in (await house.ask("chat", alias, headers=headers)).headers
    assert calls_made(house) == 3


async def test_an_alias_may_keep_by_itself_and_a_request_may_decline(house: House) -> None:
    alias = house.alias("m", ("openai", "gpt"), cache_seconds=60)
    await house.ask("chat", alias)
    assert (await house.ask("chat", alias)).headers["x-patchbay-cache"] == "hit"
    assert "x-patchbay-cache" not in (await house.ask("chat", alias, headers={"x-patchbay-cache": "off"})).headers
    assert calls_made(house) == 2


async def test_no_other_organisation_body_door_or_way_gets_the_answer(house: House) -> None:
    house.add_key("sme_live_two", "org_2")
    house.add_key("sme_live_colleague", "org_1")
    alias = house.alias("m", ("openai", "gpt"))

    async def cache(door: str = "chat", **more: Any) -> str:
        return (await house.ask(door, alias, headers=CACHE, **more)).headers["x-patchbay-cache"]

    assert await cache() == "miss"
    assert await cache(secret="sme_live_two") == "miss"
    assert await cache(temperature=0.5) == "miss"
    assert await cache(stream=True) == "miss"
    assert await cache("messages") == "miss"
    assert await cache(secret="sme_live_colleague") == "hit"


@pytest.mark.parametrize("stream", [False, True])
async def test_equal_requests_at_once_ask_the_vendor_once(house: House, stream: bool) -> None:
    house.openai.then(Script(gate="g", gate_at=0))
    alias = house.alias("m", ("openai", "gpt"))
    asking = [asyncio.create_task(house.ask("chat", alias, stream=stream, headers=CACHE)) for _ in range(6)]
    await house.openai.until_calls(1)
    house.openai.open("g")
    answers: list[Answer] = await asyncio.gather(*asking)
    assert len({answer.body for answer in answers}) == 1
    assert sorted(answer.headers["x-patchbay-cache"] for answer in answers) == ["hit"] * 5 + ["miss"]
    assert sorted(outcome for outcome, _ in outcomes(house)) == ["answered"] + ["cached"] * 5
    assert calls_made(house) == 1


async def test_when_the_first_fails_another_asks_and_no_failure_is_kept(house: House) -> None:
    house.openai.then(Script(status=400, gate="g", gate_at=0))
    alias = house.alias("m", ("openai", "gpt"))
    answers = await asyncio.gather(*[house.ask("chat", alias, headers=CACHE) for _ in range(4)])
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 400]
    assert calls_made(house) == 2
    assert sorted(outcome for outcome, _ in outcomes(house)) == ["answered", "cached", "cached"]


async def test_a_stream_that_broke_or_was_cut_is_not_kept(house: House) -> None:
    house.rules["cut_policy"] = "cancel"
    house.openai.then(Script(fault=Fault.CLOSED_INSIDE_BODY), Script(gate="never", gate_at=3))
    alias = house.alias("m", ("openai", "gpt"))
    await house.ask("chat", alias, stream=True, headers=CACHE)
    leaving = {"leave_when": lambda answer: bool(answer.body)}
    await house.ask("chat", alias, stream=True, headers=CACHE, **leaving)
    whole = await house.ask("chat", alias, stream=True, headers=CACHE)
    assert whole.headers["x-patchbay-cache"] == "miss"
    assert whole.body.endswith(b"data: [DONE]\n\n")


async def test_a_hit_is_refused_to_who_cannot_pay_it(house: House) -> None:
    alias = house.alias("m", ("openai", "gpt"))
    await house.ask("chat", alias, headers=CACHE)
    house.meter.balance = HIT_MICRO - 1
    assert (await house.ask("chat", alias, headers=CACHE)).status == 402
    assert calls_made(house) == 1


async def test_a_kept_answer_completes_an_idempotency_key_too(house: House) -> None:
    alias = house.alias("m", ("openai", "gpt"))
    first = await house.ask("chat", alias, headers=CACHE)
    both = CACHE | {"idempotency-key": "k1"}
    hit = await house.ask("chat", alias, headers=both)
    replayed = await house.ask("chat", alias, headers=both)
    assert first.body == hit.body == replayed.body
    assert replayed.headers["idempotency-replayed"] == "true"
    assert len(house.meter.charges) == 2
