"""Responses by the official OpenAI client."""

import json
from typing import Any

from openai import OpenAI
from openai.types.responses import Response
from pydantic import BaseModel

from tests.clients.models.scenarios import DATA_URL, IMAGE_URL, QUESTION, RESULTS, SYSTEM, WEATHER, Forecast, Seen, dump

TOOLS: Any = [
    {"type": "function", "name": "weather", "description": "Now, in a city.", "parameters": WEATHER, "strict": True}
]


def response(client: OpenAI, model: str) -> Seen:
    answer = client.responses.create(model=model, instructions=SYSTEM, input=QUESTION)
    assert SYSTEM in answer.output_text
    assert QUESTION in answer.output_text
    assert answer.status == "completed"
    return whole(answer)


def response_to_earlier_turns(client: OpenAI, model: str) -> Seen:
    turns: Any = [
        {"role": "developer", "content": SYSTEM},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Good morning."}]},
        {"role": "assistant", "content": "Good morning, harbour master."},
        {"role": "user", "content": QUESTION},
    ]
    answer = client.responses.create(model=model, input=turns)
    assert "Good morning, harbour master." in answer.output_text
    return whole(answer)


def streamed_response(client: OpenAI, model: str) -> Seen:
    events = list(client.responses.create(model=model, instructions=SYSTEM, input=QUESTION, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == events[-1].response.output_text
    once = [kind for number, kind in enumerate(kinds) if kinds.index(kind) == number]
    return Seen(whole(events[-1].response).meaning | {"kinds": once}, [bare(event) for event in events])


def response_by_the_stream_helper(client: OpenAI, model: str) -> Seen:
    with client.responses.stream(model=model, input=QUESTION, text_format=Forecast) as stream:
        for _ in stream:
            pass
    answer = stream.get_final_response()
    assert answer.output_parsed == Forecast(city="Oslo", degrees=-3)
    return Seen(whole(answer).meaning)


def tools_of_a_response(client: OpenAI, model: str) -> Seen:
    first = client.responses.create(model=model, input=QUESTION, tools=TOOLS)
    calls = [item for item in first.output if item.type == "function_call"]
    assert [json.loads(call.arguments)["city"] for call in calls] == ["Oslo", "Bergen"]
    turns: Any = [{"role": "user", "content": QUESTION}]
    turns += [item.model_dump(exclude_none=True) for item in first.output]
    turns += [
        {"type": "function_call_output", "call_id": call.call_id, "output": RESULTS[call.call_id]} for call in calls
    ]
    last = client.responses.create(model=model, input=turns, tools=TOOLS)
    assert all(result in last.output_text for result in RESULTS.values())
    return Seen([whole(first).meaning, whole(last).meaning], [bare(first), bare(last)])


def streamed_tools_of_a_response(client: OpenAI, model: str) -> Seen:
    choice: Any = {"type": "function", "name": "weather"}
    with client.responses.stream(model=model, input=QUESTION, tools=TOOLS, tool_choice=choice) as stream:
        done = [event for event in stream if event.type == "response.function_call_arguments.done"]
    assert [json.loads(event.arguments) for event in done] == [{"city": "Oslo"}]
    return Seen(whole(stream.get_final_response()).meaning)


def images_in_a_response(client: OpenAI, model: str) -> Seen:
    parts = [{"type": "input_image", "image_url": url, "detail": "auto"} for url in (DATA_URL, IMAGE_URL)]
    turns: Any = [{"role": "user", "content": [{"type": "input_text", "text": "What is this?"}, *parts]}]
    answer = client.responses.create(model=model, input=turns)
    assert DATA_URL in answer.output_text
    assert IMAGE_URL in answer.output_text
    return whole(answer)


def parsed_response(client: OpenAI, model: str) -> Seen:
    answer = client.responses.parse(model=model, input=QUESTION, text_format=Forecast)
    assert answer.output_parsed == Forecast(city="Oslo", degrees=-3)
    return whole(answer)


def response_cut_short(client: OpenAI, model: str) -> Seen:
    answer = client.responses.create(model=model, input=QUESTION, max_output_tokens=5)
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"
    return whole(answer)


ANY_PROVIDER = [
    response,
    response_to_earlier_turns,
    streamed_response,
    response_by_the_stream_helper,
    tools_of_a_response,
    streamed_tools_of_a_response,
    images_in_a_response,
    parsed_response,
    response_cut_short,
]


def whole(answer: Response) -> Seen:
    calls = [
        (item.call_id, item.name, json.loads(item.arguments)) for item in answer.output if item.type == "function_call"
    ]
    counted = answer.usage
    used = [counted.input_tokens, counted.input_tokens_details.cached_tokens, counted.output_tokens]
    meaning = {"text": answer.output_text, "calls": calls, "status": answer.status, "usage": used}
    return Seen(meaning, bare(answer))


def bare(answer: BaseModel) -> dict[str, Any]:
    """Return all of an answer or event but the echo of the output limit: Patchbay always sets one."""
    dumped = dump(answer)
    (dumped.get("response") or dumped).pop("max_output_tokens", None)
    return dumped
