"""Chat completions asked of a provider of Anthropic's messages."""

import json

import pytest
from openai.types.chat import ChatCompletion

from patchbay.lib.errors import InvalidError
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Asked, TokenUsage, UnsupportedError
from patchbay.products.gateway.wire.sse import write_event
from patchbay.products.gateway.wire.table import find_translation
from patchbay.products.gateway.wire.translate.chat_to_messages.request import JSON_SENTENCE
from tests.products.gateway.wire.folding import fold_chat, read_events, without_nulls

_, TRANSLATION = find_translation("chat", frozenset({"messages"}))
ASKED = Asked("fast", "chatcmpl-1", 1_700_000_000, include_usage=True)
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a place",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
    },
}


def ask(*messages, **fields):
    return TRANSLATION.request({"model": "m", "messages": list(messages) or [user("Hi")], **fields})


def user(content):
    return {"role": "user", "content": content}


def call(name, arguments, call_id):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


class TestMessages:
    def test_system_and_developer_become_the_system(self):
        asked = ask({"role": "system", "content": "Be short."}, user("Hi"))
        assert asked["system"] == "Be short."
        assert asked["messages"] == [{"role": "user", "content": "Hi"}]
        asked = ask({"role": "system", "content": "A"}, user("Hi"), {"role": "developer", "content": "B"})
        assert [block["text"] for block in asked["system"]] == ["A", "B"]

    def test_pictures_by_address_and_as_data(self):
        asked = ask(
            user(
                [
                    {"type": "text", "text": "What?"},
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}},
                ]
            )
        )
        assert asked["messages"][0]["content"] == [
            {"type": "text", "text": "What?"},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0="}},
        ]

    def test_a_file_with_data_becomes_a_document(self):
        file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}
        block = ask(user([{"type": "file", "file": file}]))["messages"][0]["content"][0]
        source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
        assert block == {"type": "document", "source": source, "title": "a.pdf"}

    def test_parallel_tool_calls_and_their_results_make_two_turns(self):
        asked = ask(
            user("Weather in Rome and Oslo?"),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    call("get_weather", '{"location":"Rome"}', "call_1"),
                    call("get_weather", '{"location":"Oslo"}', "call_2"),
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "20"},
            {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "5"}]},
            user("In words, please."),
            tools=[WEATHER],
        )
        assert [turn["role"] for turn in asked["messages"]] == ["user", "assistant", "user"]
        assert asked["messages"][1]["content"] == [
            {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"location": "Rome"}},
            {"type": "tool_use", "id": "call_2", "name": "get_weather", "input": {"location": "Oslo"}},
        ]
        assert asked["messages"][2]["content"] == [
            {"type": "tool_result", "tool_use_id": "call_1", "content": "20"},
            {"type": "tool_result", "tool_use_id": "call_2", "content": "5"},
            {"type": "text", "text": "In words, please."},
        ]

    def test_an_id_that_anthropic_refuses_is_changed_the_same_way_in_both_places(self):
        asked = ask(
            user("?"),
            {"role": "assistant", "content": None, "tool_calls": [call("f", "", "functions.f:0")]},
            {"role": "tool", "tool_call_id": "functions.f:0", "content": ""},
        )
        assert asked["messages"][1]["content"][0]["id"] == "functions_f_0"
        assert asked["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "functions_f_0"}]

    def test_empty_texts_are_left_out(self):
        asked = ask(user("Hi"), {"role": "assistant", "content": ""}, user([{"type": "text", "text": ""}]), user("Yo"))
        assert asked["messages"] == [
            {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "Yo"}]}
        ]

    def test_thought_in_parts_has_no_signature_and_is_left_out(self):
        parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "A"}]
        asked = ask(user("?"), {"role": "assistant", "content": parts}, user("And?"))
        assert asked["messages"][1]["content"] == "A"

    def test_thought_comes_back_with_its_signature(self):
        thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
        asked = ask(
            user("?"),
            {
                "role": "assistant",
                "content": "A",
                "reasoning_content": "hm",
                "thinking_blocks": [{"index": 0, **thought}],
            },
            user("And?"),
        )
        assert asked["messages"][1]["content"] == [thought, {"type": "text", "text": "A"}]

    @pytest.mark.parametrize(
        ("message", "at"),
        [
            (user([{"type": "input_audio", "input_audio": {}}]), "messages[0].content[0].type"),
            (user([{"type": "file", "file": {"file_id": "f"}}]), "messages[0].content[0].file"),
            (user([{"type": "image_url", "image_url": {"url": "ftp://x"}}]), "messages[0].content[0].image_url.url"),
            (user([{"type": "image_url"}]), "messages[0].content[0].image_url"),
            ({"role": "function", "content": "x"}, "messages[0].role"),
            ({"role": "assistant", "audio": {"id": "a"}}, "messages[0]"),
            (
                {"role": "assistant", "tool_calls": [call("f", "{", "c")]},
                "messages[0].tool_calls[0].function.arguments",
            ),
            ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
            ({"role": "system", "content": "alone"}, "messages"),
        ],
    )
    def test_what_cannot_be_said_is_refused_by_name(self, message, at):
        with pytest.raises(InvalidError) as refusal:
            ask(message)
        assert refusal.value.fields[0].field == at


class TestFields:
    def test_the_limit_has_a_default(self):
        assert ask()["max_tokens"] == 4096
        assert ask(max_tokens=9)["max_tokens"] == 9
        assert ask(max_completion_tokens=8, max_tokens=9)["max_tokens"] == 8

    def test_sampling(self):
        assert ask(temperature=1.7, top_p=0.5, top_k=3) == ask() | {"temperature": 1, "top_p": 0.5, "top_k": 3}
        assert ask(temperature=0.0, top_p=1) == ask() | {"temperature": 0.0}

    def test_stops_users_and_streams(self):
        asked = ask(stop="END", user="u", stream=True, stream_options={"include_usage": True})
        assert asked == ask() | {"stop_sequences": ["END"], "metadata": {"user_id": "u"}, "stream": True}
        assert ask(stop=["a", "b"])["stop_sequences"] == ["a", "b"]
        assert ask(user="u", safety_identifier="s")["metadata"] == {"user_id": "s"}

    @pytest.mark.parametrize(
        ("choice", "wanted"),
        [
            ("auto", {"type": "auto"}),
            ("required", {"type": "any"}),
            ("none", {"type": "none"}),
            ({"type": "function", "function": {"name": "get_weather"}}, {"type": "tool", "name": "get_weather"}),
        ],
    )
    def test_tools_and_their_choice(self, choice, wanted):
        asked = ask(tools=[WEATHER], tool_choice=choice)
        assert asked["tools"] == [
            {
                "name": "get_weather",
                "description": "Weather of a place",
                "input_schema": WEATHER["function"]["parameters"],
            }
        ]
        assert asked["tool_choice"] == wanted

    def test_one_tool_at_a_time(self):
        assert ask(tools=[WEATHER], parallel_tool_calls=False)["tool_choice"] == {
            "type": "auto",
            "disable_parallel_tool_use": True,
        }
        assert ask(tools=[WEATHER], parallel_tool_calls=False, tool_choice="none")["tool_choice"] == {"type": "none"}

    def test_a_tool_without_parameters_takes_none(self):
        asked = ask(tools=[{"type": "function", "function": {"name": "f", "strict": True}}])
        assert asked["tools"] == [{"name": "f", "strict": True, "input_schema": {"type": "object", "properties": {}}}]

    def test_a_json_schema_is_the_output_format(self):
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
        asked = ask(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
        assert asked["output_config"] == {"format": {"type": "json_schema", "schema": schema}}

    def test_a_json_object_is_asked_for_in_words(self):
        assert ask(response_format={"type": "json_object"})["system"] == JSON_SENTENCE
        assert "system" not in ask(response_format={"type": "text"})

    @pytest.mark.parametrize(("effort", "budget"), [("low", 1024), ("medium", 4096), ("high", 16_384)])
    def test_effort_is_a_thinking_budget_and_its_temperature_anthropics(self, effort, budget):
        asked = ask(reasoning_effort=effort, max_tokens=40_000, temperature=0.2)
        assert asked["thinking"] == {"type": "enabled", "budget_tokens": budget}
        assert "temperature" not in asked

    def test_a_budget_leaves_half_of_the_limit_for_the_answer(self):
        assert ask(reasoning_effort="high", max_tokens=3000)["thinking"]["budget_tokens"] == 1500

    def test_effort_is_left_out_where_it_cannot_be(self):
        assert "thinking" not in ask(reasoning_effort="none")
        assert "thinking" not in ask(reasoning_effort="high", max_tokens=2047)
        assert "thinking" not in ask(reasoning_effort="high", tools=[WEATHER], tool_choice="required")
        turn = (
            user("?"),
            {"role": "assistant", "content": None, "tool_calls": [call("f", "{}", "c")]},
            {"role": "tool", "tool_call_id": "c", "content": "1"},
        )
        assert "thinking" not in ask(*turn, reasoning_effort="high")
        assert "thinking" in ask(*turn, {"role": "assistant", "content": "1"}, user("?"), reasoning_effort="high")

    def test_what_changes_nothing_is_left_out(self):
        hints = {"seed": 7, "store": True, "metadata": {"a": "b"}, "service_tier": "auto", "prompt_cache_key": "k"}
        nothing = {"logprobs": False, "n": 1, "frequency_penalty": 0, "logit_bias": {}, "audio": None, "x_new": None}
        assert ask(**hints, **nothing) == ask()

    @pytest.mark.parametrize(
        ("fields", "at"),
        [
            ({"n": 2}, "n"),
            ({"logprobs": True}, "logprobs"),
            ({"top_logprobs": 3}, "top_logprobs"),
            ({"logit_bias": {"50256": -100}}, "logit_bias"),
            ({"presence_penalty": 0.5}, "presence_penalty"),
            ({"functions": [{"name": "f"}]}, "functions"),
            ({"modalities": ["text", "audio"]}, "modalities"),
            ({"web_search_options": {"user_location": {}}}, "web_search_options"),
            ({"x_new": 1}, "x_new"),
            ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
            ({"tools": [WEATHER], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
            ({"response_format": {"type": "grammar"}}, "response_format"),
        ],
    )
    def test_what_has_no_place_is_refused_by_name(self, fields, at):
        with pytest.raises(UnsupportedError) as refusal:
            ask(**fields)
        assert (refusal.value.status, refusal.value.fields[0].field) == (400, at)

    @pytest.mark.parametrize(
        ("fields", "at"),
        [
            ({"temperature": "hot"}, "temperature"),
            ({"reasoning_effort": "heroic"}, "reasoning_effort"),
            ({"tools": {"a": 1}}, "tools"),
            ({"tools": [1]}, "tools[0]"),
            ({"tools": [{"type": "function"}]}, "tools[0].function"),
            ({"tools": [WEATHER], "tool_choice": "perhaps"}, "tool_choice"),
            ({"response_format": "json"}, "response_format"),
            ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ],
    )
    def test_what_is_wrong_is_named(self, fields, at):
        with pytest.raises(InvalidError) as refusal:
            ask(**fields)
        assert refusal.value.fields[0].field == at


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [
        {"type": "thinking", "thinking": "Look it up.", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "Eo8B"},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"location": "Rome"}},
        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 25,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 10,
        "output_tokens": 15,
        "output_tokens_details": {"thinking_tokens": 4},
    },
}
COUNT = TokenUsage(40, 15, cached=10, cache_write=5, reasoning=4)
USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 15,
    "total_tokens": 55,
    "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 5, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
}
STREAM = [
    write_event("message_start", {"type": "message_start", "message": MESSAGE | {"content": [], "stop_reason": None}}),
    write_event("ping", {"type": "ping"}),
]
_DELTAS = [
    [
        ("thinking_delta", "thinking", "Look "),
        ("thinking_delta", "thinking", "it up."),
        ("signature_delta", "signature", "EqQB"),
    ],
    [],
    [("text_delta", "text", "Let me"), ("text_delta", "text", " see.")],
    [
        ("input_json_delta", "partial_json", ""),
        ("input_json_delta", "partial_json", '{"location":'),
        ("input_json_delta", "partial_json", '"Rome"}'),
    ],
    [("input_json_delta", "partial_json", "")],
]
_EMPTY = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}, "tool_use": {"input": {}}}
for _index, (_block, _deltas) in enumerate(zip(MESSAGE["content"], _DELTAS, strict=True)):
    _start = {"type": "content_block_start", "index": _index, "content_block": _block | _EMPTY.get(_block["type"], {})}
    STREAM.append(write_event("content_block_start", _start))
    for _type, _name, _value in _deltas:
        _delta = {"type": "content_block_delta", "index": _index, "delta": {"type": _type, _name: _value}}
        STREAM.append(write_event("content_block_delta", _delta))
    STREAM.append(write_event("content_block_stop", {"type": "content_block_stop", "index": _index}))
STREAM.append(
    write_event(
        "message_delta",
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 15, "output_tokens_details": {"thinking_tokens": 4}},
        },
    )
)
STOP = write_event("message_stop", {"type": "message_stop"})


class TestAnswer:
    def test_a_whole_answer(self):
        answer = TRANSLATION.answer(MESSAGE, ASKED, COUNT)
        ChatCompletion.model_validate(answer)
        assert (answer["id"], answer["model"], answer["created"]) == ("chatcmpl-1", "fast", 1_700_000_000)
        assert answer["usage"] == USAGE
        choice = answer["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"] == {
            "role": "assistant",
            "content": "Let me see.",
            "refusal": None,
            "reasoning_content": "Look it up.",
            "thinking_blocks": MESSAGE["content"][:2],
            "tool_calls": [
                call("get_weather", '{"location":"Rome"}', "toolu_1"),
                call("now", "{}", "toolu_2"),
            ],
        }

    @pytest.mark.parametrize(
        ("reason", "finish"),
        [
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("max_tokens", "length"),
            ("model_context_window_exceeded", "length"),
            ("refusal", "content_filter"),
            ("pause_turn", "stop"),
        ],
    )
    def test_why_it_ended(self, reason, finish):
        answer = TRANSLATION.answer(MESSAGE | {"stop_reason": reason}, ASKED, COUNT)
        assert answer["choices"][0]["finish_reason"] == finish

    def test_an_answer_of_tools_alone_has_no_content(self):
        answer = TRANSLATION.answer(MESSAGE | {"content": MESSAGE["content"][3:]}, ASKED, COUNT)
        assert answer["choices"][0]["message"]["content"] is None

    @pytest.mark.parametrize("content", [None, [{"type": "text"}], ["text"], [{"type": "tool_use", "id": "x"}]])
    def test_an_answer_that_lacks_what_it_must_have_is_broken(self, content):
        with pytest.raises(ModelBrokenError):
            TRANSLATION.answer(MESSAGE | {"content": content}, ASKED, COUNT)


class TestStream:
    def translate(self, asked=ASKED, stream=STREAM):
        events = TRANSLATION.events(asked)
        return b"".join(events.feed(event) for event in stream) + events.final(STOP, COUNT)

    def test_folded_it_is_the_whole_answer(self):
        whole = without_nulls(TRANSLATION.answer(MESSAGE, ASKED, COUNT)) | {"object": "chat.completion"}
        assert fold_chat(self.translate()) == whole

    def test_its_order(self):
        chunks = [json.loads(data) for _, data in read_events(self.translate())[:-1]]
        deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
        assert [next(iter(delta), "finish") for delta in deltas] == [
            "role",
            *["reasoning_content"] * 2,
            *["thinking_blocks"] * 2,
            *["content"] * 2,
            *["tool_calls"] * 5,
            "finish",
        ]
        assert [tool["index"] for delta in deltas for tool in delta.get("tool_calls", ())] == [0, 0, 0, 1, 1]
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"] == USAGE
        assert all(chunk["usage"] is None for chunk in chunks[:-1])

    def test_no_usage_is_sent_to_a_client_that_did_not_ask(self):
        said = self.translate(Asked("fast", "chatcmpl-1", 1))
        assert all(b'"usage"' not in data for _, data in read_events(said))

    def test_a_ping_keeps_the_line_open(self):
        assert TRANSLATION.events(ASKED).feed(STREAM[1]) == b": ping\n\n"

    def test_events_that_come_together_are_translated_the_same(self):
        events = TRANSLATION.events(ASKED)
        assert events.feed(b"".join(STREAM)) + events.final(STOP, COUNT) == self.translate()

    def test_an_event_that_lacks_what_it_must_have_is_broken(self):
        with pytest.raises(ModelBrokenError):
            TRANSLATION.events(ASKED).feed(write_event("content_block_start", {"type": "content_block_start"}))
