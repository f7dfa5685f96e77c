"""Chat completions by the official OpenAI client."""

import json
from typing import Any

from openai import OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.clients.models.scenarios import DATA_URL, IMAGE_URL, QUESTION, RESULTS, SYSTEM, WEATHER, Forecast, Seen, dump

ASKED: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
TOOLS: Any = [
    {"type": "function", "function": {"name": "weather", "description": "Now, in a city.", "parameters": WEATHER}}
]
STRICT_TOOLS: Any = [{"type": "function", "function": {"name": "weather", "strict": True, "parameters": WEATHER}}]


def chat(client: OpenAI, model: str) -> Seen:
    answer = client.chat.completions.create(model=model, messages=ASKED)
    assert SYSTEM in answer.choices[0].message.content
    assert QUESTION in answer.choices[0].message.content
    return whole(answer)


def chat_with_a_developer_and_earlier_turns(client: OpenAI, model: str) -> Seen:
    messages: Any = [
        {"role": "developer", "content": [{"type": "text", "text": SYSTEM}]},
        {"role": "user", "content": "Good morning."},
        {"role": "assistant", "content": "Good morning, harbour master."},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ]
    answer = client.chat.completions.create(model=model, messages=messages, temperature=0.2, user="u-17")
    assert "Good morning, harbour master." in answer.choices[0].message.content
    return whole(answer)


def streamed_chat(client: OpenAI, model: str) -> Seen:
    chunks = list(client.chat.completions.create(model=model, messages=ASKED, stream=True))
    assert all(chunk.usage is None and len(chunk.choices) == 1 for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    return Seen(fold(chunks), dumped(chunks))


def streamed_chat_with_usage(client: OpenAI, model: str) -> Seen:
    options: Any = {"include_usage": True}
    chunks = list(client.chat.completions.create(model=model, messages=ASKED, stream=True, stream_options=options))
    assert chunks[-1].choices == []
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    return Seen(fold(chunks) | usage(chunks[-1].usage), dumped(chunks))


def chat_by_the_stream_helper(client: OpenAI, model: str) -> Seen:
    with client.chat.completions.stream(model=model, messages=ASKED) as stream:
        kinds = [event.type for event in stream]
    assert kinds.count("content.done") == 1
    return Seen(fold_message(stream.get_final_completion()), kinds)


def parallel_tools(client: OpenAI, model: str) -> Seen:
    first = client.chat.completions.create(model=model, messages=ASKED, tools=TOOLS)
    calls = first.choices[0].message.tool_calls
    assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Oslo", "Bergen"]
    results: Any = [{"role": "tool", "tool_call_id": call.id, "content": RESULTS[call.id]} for call in calls]
    turn: Any = first.choices[0].message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    last = client.chat.completions.create(model=model, messages=[*ASKED, turn, *results], tools=TOOLS)
    assert all(result in last.choices[0].message.content for result in RESULTS.values())
    return Seen([whole(first).meaning, whole(last).meaning], [dump(first), dump(last)])


def streamed_parallel_tools(client: OpenAI, model: str) -> Seen:
    with client.chat.completions.stream(model=model, messages=ASKED, tools=STRICT_TOOLS) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
    assert [event.parsed_arguments for event in done] == [{"city": "Oslo"}, {"city": "Bergen"}]
    return Seen(fold_message(stream.get_final_completion()), dump(stream.get_final_completion()))


def one_forced_tool(client: OpenAI, model: str) -> Seen:
    choice: Any = {"type": "function", "function": {"name": "weather"}}
    answer = client.chat.completions.create(
        model=model, messages=ASKED, tools=TOOLS, tool_choice=choice, parallel_tool_calls=False
    )
    assert len(answer.choices[0].message.tool_calls) == 1
    return whole(answer)


def tools_but_none_wanted(client: OpenAI, model: str) -> Seen:
    answer = client.chat.completions.create(model=model, messages=ASKED, tools=TOOLS, tool_choice="none")
    assert not answer.choices[0].message.tool_calls
    return whole(answer)


def images(client: OpenAI, model: str) -> Seen:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in (DATA_URL, IMAGE_URL)]
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, *parts]}]
    answer = client.chat.completions.create(model=model, messages=messages)
    assert DATA_URL in answer.choices[0].message.content
    assert IMAGE_URL in answer.choices[0].message.content
    return whole(answer)


def parsed(client: OpenAI, model: str) -> Seen:
    answer = client.chat.completions.parse(model=model, messages=ASKED, response_format=Forecast)
    assert answer.choices[0].message.parsed == Forecast(city="Oslo", degrees=-3)
    return whole(answer)


def streamed_and_parsed(client: OpenAI, model: str) -> Seen:
    with client.chat.completions.stream(model=model, messages=ASKED, response_format=Forecast) as stream:
        kinds = [event.type for event in stream]
    assert stream.get_final_completion().choices[0].message.parsed == Forecast(city="Oslo", degrees=-3)
    return Seen(fold_message(stream.get_final_completion()), kinds)


def stopped(client: OpenAI, model: str) -> Seen:
    answer = client.chat.completions.create(model=model, messages=ASKED, stop=["END", "STOP"])
    assert answer.choices[0].finish_reason == "stop"
    return whole(answer)


def cut_short(client: OpenAI, model: str) -> Seen:
    answer = client.chat.completions.create(model=model, messages=ASKED, max_completion_tokens=5)
    assert answer.choices[0].finish_reason == "length"
    return whole(answer)


def two_choices_with_logprobs(client: OpenAI, model: str) -> Seen:
    answer = client.chat.completions.create(model=model, messages=ASKED, n=2, logprobs=True, top_logprobs=1)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(choice.logprobs.content[0].top_logprobs for choice in answer.choices)
    return whole(answer)


def two_streamed_choices_with_logprobs(client: OpenAI, model: str) -> Seen:
    chunks = list(client.chat.completions.create(model=model, messages=ASKED, n=2, logprobs=True, stream=True))
    assert {choice.index for chunk in chunks for choice in chunk.choices} == {0, 1}
    return Seen(None, dumped(chunks))


ANY_PROVIDER = [
    chat,
    chat_with_a_developer_and_earlier_turns,
    streamed_chat,
    streamed_chat_with_usage,
    chat_by_the_stream_helper,
    parallel_tools,
    streamed_parallel_tools,
    one_forced_tool,
    tools_but_none_wanted,
    images,
    parsed,
    streamed_and_parsed,
    stopped,
    cut_short,
]
SAME_FORMAT = [*ANY_PROVIDER, two_choices_with_logprobs, two_streamed_choices_with_logprobs]


def whole(answer: ChatCompletion) -> Seen:
    return Seen(fold_message(answer) | usage(answer.usage), dump(answer))


def fold_message(answer: ChatCompletion) -> dict[str, Any]:
    message = answer.choices[0].message
    calls = [(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []]
    return {"text": message.content or "", "calls": calls, "ending": answer.choices[0].finish_reason}


def usage(counted: Any) -> dict[str, Any]:
    cached = counted.prompt_tokens_details.cached_tokens
    return {"usage": [counted.prompt_tokens, cached, counted.completion_tokens, counted.total_tokens]}


def fold(chunks: list[ChatCompletionChunk]) -> dict[str, Any]:
    choices = [choice for chunk in chunks for choice in chunk.choices]
    endings = [choice.finish_reason for choice in choices if choice.finish_reason]
    assert len(endings) == 1
    return {"text": "".join(choice.delta.content or "" for choice in choices), "ending": endings[0]}


def dumped(chunks: list[ChatCompletionChunk]) -> list[dict[str, Any]]:
    return [dump(chunk) for chunk in chunks]
