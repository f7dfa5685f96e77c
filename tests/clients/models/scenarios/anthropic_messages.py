"""Messages by the official Anthropic client."""

from typing import Any

from anthropic import Anthropic
from anthropic.types import Message

from tests.clients.models.scenarios import IMAGE_URL, PIXEL, QUESTION, RESULTS, SYSTEM, WEATHER, Forecast, Seen, dump

ASKED: Any = [{"role": "user", "content": QUESTION}]
TOOLS: Any = [{"name": "weather", "description": "Now, in a city.", "input_schema": WEATHER}]


def message(client: Anthropic, model: str) -> Seen:
    answer = client.messages.create(model=model, max_tokens=500, system=SYSTEM, messages=ASKED)
    assert SYSTEM in answer.content[0].text
    assert QUESTION in answer.content[0].text
    return whole(answer)


def message_after_earlier_turns(client: Anthropic, model: str) -> Seen:
    turns: Any = [
        {"role": "user", "content": "Good morning."},
        {"role": "assistant", "content": [{"type": "text", "text": "Good morning, harbour master."}]},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ]
    system: Any = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
    answer = client.messages.create(model=model, max_tokens=500, system=system, messages=turns)
    assert "Good morning, harbour master." in answer.content[0].text
    return whole(answer)


def streamed_message(client: Anthropic, model: str) -> Seen:
    events = list(client.messages.create(model=model, max_tokens=500, messages=ASKED, stream=True))
    kinds = [event.type for event in events]
    once = [kind for number, kind in enumerate(kinds) if kinds.index(kind) == number]
    assert once == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    text = "".join(event.delta.text for event in events if event.type == "content_block_delta")
    return Seen({"text": text}, [dump(event) for event in events])


def message_by_the_stream_helper(client: Anthropic, model: str) -> Seen:
    with client.messages.stream(model=model, max_tokens=500, system=SYSTEM, messages=ASKED) as stream:
        text = "".join(stream.text_stream)
    answer = stream.get_final_message()
    assert text == answer.content[0].text
    return whole(answer)


def parallel_tools(client: Anthropic, model: str) -> Seen:
    first = client.messages.create(model=model, max_tokens=500, messages=ASKED, tools=TOOLS)
    return _tool_turn(client, model, first)


def streamed_parallel_tools(client: Anthropic, model: str) -> Seen:
    with client.messages.stream(model=model, max_tokens=500, messages=ASKED, tools=TOOLS) as stream:
        kinds = [event.type for event in stream]
    assert "input_json" in kinds
    return _tool_turn(client, model, stream.get_final_message())


def _tool_turn(client: Anthropic, model: str, first: Message, **options: Any) -> Seen:
    calls = [block for block in first.content if block.type == "tool_use"]
    assert [call.input["city"] for call in calls] == ["Oslo", "Bergen"]
    results: Any = [
        {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": RESULTS[call.id]}]}
        for call in calls
    ]
    turn: Any = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]}
    turns: Any = [*ASKED, turn, {"role": "user", "content": results}]
    last = client.messages.create(model=model, max_tokens=5000, messages=turns, tools=TOOLS, **options)
    assert all(result in last.content[-1].text for result in RESULTS.values())
    return Seen([whole(first).meaning, whole(last).meaning], [dump(first), dump(last)])


def one_forced_tool(client: Anthropic, model: str) -> Seen:
    choice: Any = {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}
    answer = client.messages.create(model=model, max_tokens=500, messages=ASKED, tools=TOOLS, tool_choice=choice)
    assert [block.type for block in answer.content] == ["tool_use"]
    return whole(answer)


def images(client: Anthropic, model: str) -> Seen:
    blocks: Any = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "image", "source": {"type": "url", "url": IMAGE_URL}},
        {"type": "text", "text": "What is this?"},
    ]
    answer = client.messages.create(model=model, max_tokens=500, messages=[{"role": "user", "content": blocks}])
    assert PIXEL in answer.content[0].text
    assert IMAGE_URL in answer.content[0].text
    return whole(answer)


def parsed(client: Anthropic, model: str) -> Seen:
    answer = client.messages.parse(model=model, max_tokens=500, messages=ASKED, output_format=Forecast)
    assert answer.parsed_output == Forecast(city="Oslo", degrees=-3)
    return whole(answer)


def cut_short(client: Anthropic, model: str) -> Seen:
    answer = client.messages.create(model=model, max_tokens=5, messages=ASKED)
    assert answer.stop_reason == "max_tokens"
    return whole(answer)


def stopped(client: Anthropic, model: str) -> Seen:
    answer = client.messages.create(model=model, max_tokens=500, messages=ASKED, stop_sequences=["END"])
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "END")
    return whole(answer)


def thinking(client: Anthropic, model: str) -> Seen:
    thinks: Any = {"type": "enabled", "budget_tokens": 2000}
    first = client.messages.create(model=model, max_tokens=5000, messages=ASKED, tools=TOOLS, thinking=thinks)
    assert [block.type for block in first.content] == ["thinking", "tool_use", "tool_use"]
    assert first.content[0].signature
    return _tool_turn(client, model, first, thinking=thinks)


def streamed_thinking(client: Anthropic, model: str) -> Seen:
    thinks: Any = {"type": "adaptive"}
    with client.messages.stream(model=model, max_tokens=5000, messages=ASKED, thinking=thinks) as stream:
        kinds = [event.type for event in stream]
    assert kinds.count("signature") == 1
    assert [block.type for block in stream.get_final_message().content] == ["thinking", "text"]
    return Seen(kinds, dump(stream.get_final_message()))


def counted_tokens(client: Anthropic, model: str) -> Seen:
    answer = client.messages.count_tokens(model=model, system=SYSTEM, messages=ASKED)
    assert answer.input_tokens > 0
    return Seen(None, dump(answer))


ANY_PROVIDER = [
    message,
    message_after_earlier_turns,
    streamed_message,
    message_by_the_stream_helper,
    parallel_tools,
    streamed_parallel_tools,
    one_forced_tool,
    images,
    parsed,
    cut_short,
]
SAME_FORMAT = [*ANY_PROVIDER, stopped, thinking, streamed_thinking, counted_tokens]


def whole(answer: Message) -> Seen:
    calls = [(block.id, block.name, block.input) for block in answer.content if block.type == "tool_use"]
    text = "".join(block.text for block in answer.content if block.type == "text")
    counted = answer.usage
    used = [counted.input_tokens, counted.cache_read_input_tokens, counted.output_tokens]
    meaning = {"text": text, "calls": calls, "ending": answer.stop_reason, "usage": used}
    return Seen(meaning, dump(answer))
