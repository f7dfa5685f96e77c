"""A prompt that Anthropic keeps for an hour: held at what that costs where it may be asked for, charged apart."""

import json
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from patchbay.kernel.plans.contracts import Rate
from patchbay.products.gateway.engine.contracts import Ask
from tests.fakes.provider import PRICES, Bench, FakeAnswer, ask

TWICE = replace(
    PRICES, rates=MappingProxyType({**PRICES.rates, "cache_write_1h_tokens": Rate(2_000_000, 1000)})
)  # the fake's list has 1,000,000 for a prompt
USAGE = {
    "input_tokens": 5,
    "cache_creation_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 2,
}
SAID = {"type": "text", "text": "four" * 10}


def message() -> FakeAnswer:
    body = {"type": "message", "content": [{"type": "text", "text": "Hello"}], "usage": USAGE}
    return FakeAnswer(json.dumps(body).encode(), headers={b"content-type": "application/json"})


async def held_and_charged(asked: Ask, formats: tuple[str, ...] = ("messages",)) -> tuple[int, Any]:
    bench = Bench()
    target = bench.target("a", message(), formats=formats)
    async with bench.engine.call(asked, replace_prices(bench.terms(target))) as call:
        await call.settle()
    [charge] = bench.meter.charges
    return bench.meter.amounts[0], charge


def replace_prices(terms: Any) -> Any:
    return msgspec.structs.replace(terms, prices=TWICE)


def dearest(asked: Ask) -> int:
    return TWICE.worst_micro(prompt_tokens=len(asked.body), completion_tokens=100, cache_1h=True)


def asked_with(ttl: str | None, **fields: Any) -> Ask:
    cache = {"cache_control": {"type": "ephemeral"} | ({"ttl": ttl} if ttl else {})}
    return ask(messages=[{"role": "user", "content": [SAID | cache]}], **fields)


async def test_what_is_kept_for_an_hour_is_a_line_of_its_own() -> None:
    _, charge = await held_and_charged(asked_with("1h", format="messages"))
    lines = {line.item: (line.quantity, line.cost_micro) for line in charge.lines}
    assert lines["cache_write_1h_tokens"] == (20, 40_000)
    assert lines["cache_write_tokens"][0] == 10
    assert lines["prompt_tokens"] == (5, 5_000)
    assert charge.usage.prompt == 35


@pytest.mark.parametrize("format", ["messages", "chat"])
async def test_who_asks_for_an_hour_holds_its_price_for_the_whole_prompt(format: Any) -> None:
    asked = asked_with("1h", format=format)
    held, _ = await held_and_charged(asked)
    assert held == dearest(asked)


@pytest.mark.parametrize("spelt", [b'"\\u0031h"', b'"1\\u0068"', b'"\\u0031\\u0068"'])
async def test_an_hour_is_known_however_it_is_written(spelt: bytes) -> None:
    plain = asked_with("1h", format="messages")
    asked = msgspec.structs.replace(plain, body=plain.body.replace(b'"1h"', spelt))
    held, _ = await held_and_charged(asked)
    assert held == dearest(asked)


@pytest.mark.parametrize("ttl", [None, "5m"])
async def test_others_hold_what_they_held(ttl: str | None) -> None:
    asked = asked_with(ttl, format="messages")
    held, _ = await held_and_charged(asked)
    assert held == PRICES.worst_micro(prompt_tokens=len(asked.body), completion_tokens=100)
