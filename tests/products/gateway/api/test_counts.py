"""What a provider leaves out of its count: counted by us, charged, marked, and shown where an answer is translated."""

import json
from typing import Any

import pytest

from patchbay.products.gateway.wire.contracts import TokenUsage
from patchbay.products.gateway.wire.translate.counts import as_chat, as_messages, as_responses
from tests.asgi import Answer
from tests.fakes.upstream import Script
from tests.products.gateway.api.conftest import House

SHOW = {"chat": as_chat, "messages": as_messages, "responses": as_responses}
# The door, who is asked there and in which of the vendor's formats it answers.
TRANSLATED = [
    ("chat", "anthropic", "messages"),
    ("responses", "anthropic", "messages"),
    ("messages", "openai", "chat"),
    ("responses", "openai", "chat"),
]
SAME = [("chat", "openai", "chat"), ("responses", "openai", "responses"), ("messages", "anthropic", "messages")]
PROMPT = {"chat": "prompt_tokens", "messages": "input_tokens", "responses": "input_tokens"}
COMPLETION = {"chat": "completion_tokens", "messages": "output_tokens", "responses": "output_tokens"}
MODELS = {"openai": "gpt", "anthropic": "claude"}


async def asked(house: House, door: str, kind: Any, spoken: str, usage: Any, *, stream: bool) -> Answer:
    """Ask at a door with a vendor that counts so; one that is to be asked in chat has no other operation."""
    fake = house.openai if kind == "openai" else house.anthropic
    missing = [Script(status=404)] if (door, spoken) == ("responses", "chat") else []
    fake.then(*missing, Script(usage=usage))
    more = {"stream_options": {"include_usage": True}} if stream and door == "chat" else {}
    answer = await house.ask(door, house.alias("m", (kind, MODELS[kind])), stream=stream, **more)
    assert answer.status == 200, answer.body
    return answer


def shown(door: str, answer: Answer, *, stream: bool) -> Any:
    """Return the last count that a client gets to see."""
    if not stream:
        return answer.json()["usage"]
    data = [json.loads(line[6:]) for line in answer.body.split(b"\n") if line.startswith(b"data: {")]
    if door == "responses":
        return data[-1]["response"]["usage"]
    return [event["usage"] for event in data if event.get("usage")][-1]


def charged(house: House) -> TokenUsage:
    [charge] = house.meter.charges
    assert charge.cost_micro == charge.usage.prompt * 1000 + charge.usage.completion * 2000
    return charge.usage


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("door", "kind", "spoken"), TRANSLATED)
async def test_a_translated_answer_without_a_count_shows_what_is_charged(
    house: House, door: str, kind: str, spoken: str, stream: bool
) -> None:
    answer = await asked(house, door, kind, spoken, "absent", stream=stream)
    used = charged(house)
    assert min(used.prompt, used.completion) > 0
    assert shown(door, answer, stream=stream) == SHOW[door](used)
    assert shown(door, answer, stream=stream)["estimated"] is True


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("door", "kind", "spoken"), TRANSLATED)
async def test_a_reported_zero_is_shown_and_charged_as_zero(
    house: House, door: str, kind: str, spoken: str, stream: bool
) -> None:
    answer = await asked(house, door, kind, spoken, "zero", stream=stream)
    assert charged(house) == TokenUsage(0, 0)
    assert shown(door, answer, stream=stream) == SHOW[door](TokenUsage(0, 0))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("door", "kind", "spoken"), TRANSLATED + SAME)
async def test_a_prompt_that_is_left_out_is_counted_by_us(
    house: House, door: str, kind: str, spoken: str, stream: bool
) -> None:
    answer = await asked(house, door, kind, spoken, {COMPLETION[spoken]: 3}, stream=stream)
    used = charged(house)
    assert (used.completion, used.estimated) == (3, True)
    assert used.prompt == 10, "37 bytes of text in four"
    if door != spoken:
        assert shown(door, answer, stream=stream) == SHOW[door](used)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("door", "kind", "spoken"), [way for way in TRANSLATED + SAME if way[2] != "messages"])
async def test_a_completion_that_is_left_out_is_counted_by_us(
    house: House, door: str, kind: str, spoken: str, stream: bool
) -> None:
    answer = await asked(house, door, kind, spoken, {PROMPT[spoken]: 7}, stream=stream)
    used = charged(house)
    assert (used.prompt, used.estimated) == (7, True)
    assert used.completion > 0
    if door != spoken:
        assert shown(door, answer, stream=stream) == SHOW[door](used)


async def test_a_whole_message_without_its_completion_is_counted_by_us(house: House) -> None:
    await asked(house, "messages", "anthropic", "messages", {"input_tokens": 7}, stream=False)
    used = charged(house)
    assert (used.prompt, used.estimated, used.completion > 0) == (7, True, True)


async def test_a_total_tells_the_side_that_is_left_out(house: House) -> None:
    await asked(house, "chat", "openai", "chat", {"prompt_tokens": 7, "total_tokens": 12}, stream=False)
    assert charged(house) == TokenUsage(7, 5)


async def test_embeddings_may_be_counted_by_their_total_alone(house: House) -> None:
    house.openai.then(Script(usage={"total_tokens": 6}))
    await house.ask("embeddings", house.alias("m", ("openai", "text-embed")))
    assert charged(house) == TokenUsage(6, 0)
