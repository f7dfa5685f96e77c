"""A model of this process at every door: what it uses is told, what it cannot do is refused by name, limits hold."""

import json
from typing import Any

import pytest

from tests.products.gateway.api.conftest import House

OFFLINE = "patchbay/offline"
TOLD = [{"role": "user", "content": "The quay closes at 22:00 on weekdays.\n\nWhen does the quay close?"}]
DOORS = {"chat": {"messages": TOLD}, "messages": {"messages": TOLD}, "responses": {"input": TOLD[0]["content"]}}


@pytest.mark.parametrize("door", DOORS)
async def test_an_answer_says_what_it_used_and_that_it_was_estimated(house: House, door: str) -> None:
    answer = await house.ask(door, OFFLINE, **DOORS[door])
    assert answer.status == 200, answer.body
    usage = answer.json()["usage"]
    (charge,) = house.meter.charges
    assert charge.usage.estimated
    names = ("prompt_tokens", "completion_tokens") if door == "chat" else ("input_tokens", "output_tokens")
    assert [usage[name] for name in names] == [charge.usage.prompt, charge.usage.completion]
    assert charge.usage.completion > 0


async def test_a_stream_says_it_too_where_it_is_asked_to(house: House) -> None:
    asked: dict[str, Any] = {"stream_options": {"include_usage": True}, "messages": TOLD}
    answer = await house.ask("chat", OFFLINE, stream=True, **asked)
    (charge,) = house.meter.charges
    last = [json.loads(line[6:]) for line in answer.body.decode().splitlines() if line.startswith("data: {")][-1]
    assert last["usage"]["completion_tokens"] == charge.usage.completion
    plain = await house.ask("chat", OFFLINE, stream=True, messages=TOLD)
    assert b'"usage"' not in plain.body


@pytest.mark.parametrize(("door", "last"), [("messages", "message_delta"), ("responses", "response.completed")])
async def test_a_translated_stream_says_it_in_its_own_last_words(house: House, door: str, last: str) -> None:
    answer = await house.ask(door, OFFLINE, stream=True, **DOORS[door])
    (charge,) = house.meter.charges
    (ended,) = [said for name, said in answer.events if name == last]
    usage = ended.get("response", ended)["usage"]
    assert (usage["output_tokens"], charge.usage.completion > 0) == (charge.usage.completion, True)


@pytest.mark.parametrize(
    ("door", "field", "value"),
    [
        ("chat", "n", 2),
        ("chat", "stop", ["the"]),
        ("chat", "logprobs", True),
        ("chat", "response_format", {"type": "json_object"}),
        ("chat", "tool_choice", "required"),
        ("messages", "stop_sequences", ["the"]),
        ("messages", "tool_choice", {"type": "any"}),
        ("responses", "text", {"format": {"type": "json_object"}}),
    ],
)
async def test_what_it_cannot_do_is_refused_by_the_clients_name_for_it(
    house: House, door: str, field: str, value: Any
) -> None:
    tools: dict[str, Any] = {}
    if field == "tool_choice":
        described = {"name": "look", "description": "Looks."}
        schema = {"type": "object", "properties": {}}
        tool = {"type": "function", "function": described | {"parameters": schema}}
        tools = {"tools": [tool if door == "chat" else described | {"input_schema": schema}]}
    answer = await house.ask(door, OFFLINE, **DOORS[door], **tools, **{field: value})
    assert answer.status == 400, answer.body
    assert field in answer.json()["error"]["message"]
    if door != "messages":
        assert answer.json()["error"]["code"] == "unsupported_parameter"
    assert not house.meter.held
    assert not house.meter.charges


async def test_hints_and_tools_that_need_not_be_called_are_taken(house: House) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    hints: dict[str, Any] = {"n": 1, "stop": [], "temperature": 0, "seed": 7, "response_format": {"type": "text"}}
    answer = await house.ask("chat", OFFLINE, messages=TOLD, tools=[tool], tool_choice="auto", **hints)
    assert answer.status == 200, answer.body


async def test_a_picture_is_refused_not_overlooked(house: House) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    said = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}
    answer = await house.ask("chat", OFFLINE, messages=[said])
    assert (answer.status, answer.json()["error"]["param"]) == (400, "messages[0].content[1]")
    asked = {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]}
    answer = await house.ask("responses", OFFLINE, instructions="Be brief.", input=[asked])
    assert (answer.status, answer.json()["error"]["param"]) == (400, "input"), answer.body


async def test_a_value_of_the_wrong_type_is_the_clients_fault(house: House) -> None:
    answer = await house.ask("chat", OFFLINE, messages=TOLD, temperature="hot")
    assert (answer.status, answer.json()["error"]["param"]) == (400, "temperature")


@pytest.mark.parametrize(("limit", "reason"), [(4, "length"), (400, "stop")])
async def test_it_stops_at_the_limit_and_says_so(house: House, limit: int, reason: str) -> None:
    answer = await house.ask("chat", OFFLINE, messages=TOLD, max_tokens=limit)
    body = answer.json()
    assert body["choices"][0]["finish_reason"] == reason
    assert body["usage"]["completion_tokens"] <= limit
