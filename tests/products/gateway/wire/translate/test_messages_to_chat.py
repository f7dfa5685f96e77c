"""Anthropic's messages asked of a provider of chat completions."""

import json

import pytest
from anthropic.types import Message

from patchbay.lib.errors import InvalidError
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Asked, Head, Target, TokenUsage, UnsupportedError
from patchbay.products.gateway.wire.sse import DONE_EVENT, write_data
from patchbay.products.gateway.wire.table import WIRES, find_translation, translate_body
from tests.products.gateway.wire.folding import fold_messages, read_events

_, TRANSLATION = find_translation("messages", frozenset({"chat"}))
ASKED = Asked("fast", "msg_1", 1_700_000_000)
TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0="}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}}


def ask(*turns, **fields):
    turns = list(turns) or [{"role": "user", "content": "Hi"}]
    return TRANSLATION.request({"model": "m", "max_tokens": 64, "messages": turns, **fields})


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


class TestTurns:
    def test_the_system_comes_first(self):
        assert ask(system="Be short.")["messages"][0] == {"role": "system", "content": "Be short."}
        blocks = [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "B"}]
        assert ask(system=blocks)["messages"][0] == {"role": "system", "content": "A\n\nB"}

    def test_text_pictures_and_documents(self):
        link = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
        plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Long."}}
        pdf = {
            "type": "document",
            "title": "a.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "J"},
        }
        assert ask(user({"type": "text", "text": "?"}, PNG, link, plain, pdf))["messages"][0]["content"] == [
            {"type": "text", "text": "?"},
            PNG_PART,
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            {"type": "text", "text": "Long."},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,J"}},
        ]

    def test_tools_used_and_their_results(self):
        asked = ask(
            user({"type": "text", "text": "?"}),
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                    {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
                ],
            },
            user(
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "x"}, PNG]},
                {"type": "tool_result", "tool_use_id": "t2", "is_error": True},
                {"type": "text", "text": "Go on."},
            ),
        )
        assert asked["messages"] == [
            {"role": "user", "content": "?"},
            {
                "role": "assistant",
                "content": "Let me see.",
                "tool_calls": [
                    {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
                    {"id": "t2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "t1", "content": "x"},
            {"role": "tool", "tool_call_id": "t2", "content": ""},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Pictures that the tool call t1 returned:"},
                    PNG_PART,
                    {"type": "text", "text": "Go on."},
                ],
            },
        ]

    @pytest.mark.parametrize(
        ("block", "at"),
        [
            ({"type": "search_result"}, "messages[0].content[0].type"),
            ({"type": "image"}, "messages[0].content[0].source"),
            ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "messages[0].content[0].source.type"),
            ({"type": "text"}, "messages[0].content[0].text"),
            ({"type": "tool_result", "content": "x"}, "messages[0].content[0].tool_use_id"),
        ],
    )
    def test_what_cannot_be_said_is_refused_by_name(self, block, at):
        with pytest.raises(InvalidError) as refusal:
            ask(user(block))
        assert refusal.value.fields[0].field == at


class TestFields:
    def test_the_simple_ones(self):
        asked = ask(temperature=0.5, top_p=0.9, stop_sequences=["END"], stream=True, metadata={"user_id": "u"})
        assert asked == {
            "model": "m",
            "messages": [{"role": "user", "content": "Hi"}],
            "max_completion_tokens": 64,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": ["END"],
            "stream": True,
            "stream_options": {"include_usage": True},
            "user": "u",
        }
        assert "user" not in ask(metadata={"user_id": "u" * 65})

    @pytest.mark.parametrize(
        ("choice", "wanted"),
        [
            ({"type": "auto"}, "auto"),
            ({"type": "any"}, "required"),
            ({"type": "none"}, "none"),
            ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ],
    )
    def test_tools_and_their_choice(self, choice, wanted):
        asked = ask(tools=[TOOL | {"strict": True}], tool_choice=choice)
        function = {"name": "f", "description": "d", "parameters": TOOL["input_schema"], "strict": True}
        assert asked["tools"] == [{"type": "function", "function": function}]
        assert asked["tool_choice"] == wanted
        assert "parallel_tool_calls" not in asked

    def test_one_tool_at_a_time(self):
        asked = ask(tools=[TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": True})
        assert asked["parallel_tool_calls"] is False

    @pytest.mark.parametrize(
        ("schema", "strict"),
        [
            ({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}, True),
            ({"type": "object", "properties": {"a": {}}, "required": [], "additionalProperties": False}, False),
            ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, False),
            ({"type": "array", "items": {"type": "object"}}, False),
            ({"anyOf": [{"type": "string"}, {"type": "object", "properties": {}}]}, False),
        ],
    )
    def test_a_schema_is_strict_where_openai_takes_it(self, schema, strict):
        asked = ask(output_config={"format": {"type": "json_schema", "schema": schema}})
        assert asked["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": strict},
        }

    @pytest.mark.parametrize(("budget", "effort"), [(1024, "low"), (4096, "medium"), (16_384, "high")])
    def test_a_thinking_budget_is_an_effort(self, budget, effort):
        assert ask(thinking={"type": "enabled", "budget_tokens": budget})["reasoning_effort"] == effort

    def test_effort_in_words_goes_before_a_budget(self):
        asked = ask(thinking={"type": "enabled", "budget_tokens": 1024}, output_config={"effort": "high"})
        assert asked["reasoning_effort"] == "high"
        assert "reasoning_effort" not in ask(thinking={"type": "disabled"})
        assert "reasoning_effort" not in ask(thinking={"type": "adaptive"})

    @pytest.mark.parametrize(
        ("fields", "at"),
        [
            ({"top_k": 5}, "top_k"),
            ({"max_tokens": 0}, "max_tokens"),
            ({"mcp_servers": [{"name": "x"}]}, "mcp_servers"),
            ({"container": "c"}, "container"),
            ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
            ({"x_new": 1}, "x_new"),
        ],
    )
    def test_what_has_no_place_is_refused_by_name(self, fields, at):
        with pytest.raises(UnsupportedError) as refusal:
            ask(**fields)
        assert refusal.value.fields[0].field == at

    @pytest.mark.parametrize(
        ("fields", "at"),
        [
            ({"temperature": "hot"}, "temperature"),
            ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
            ({"tools": [TOOL], "tool_choice": {"type": "perhaps"}}, "tool_choice.type"),
            ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
            ({"metadata": "u"}, "metadata"),
            ({"output_config": []}, None),
        ],
    )
    def test_what_is_wrong_is_named(self, fields, at):
        if at is None:
            assert ask(**fields) == ask()
            return
        with pytest.raises(InvalidError) as refusal:
            ask(**fields)
        assert refusal.value.fields[0].field == at


class TestBody:
    def test_the_upstreams_body_has_its_limit_by_its_name_and_asks_for_usage(self):
        raw = json.dumps(
            {"model": "alias", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        ).encode()
        head = WIRES["messages"].read(raw)
        sent, spoken = translate_body(
            raw, head, Target("up", 50, "max_tokens"), asked="messages", spoken="chat", translation=TRANSLATION
        )
        assert json.loads(sent) == {
            "model": "up",
            "messages": [{"role": "user", "content": "Hi"}],
            "max_tokens": 50,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        assert spoken == Head("up", stream=True, max_output_tokens=50, include_usage=True)


USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 15,
    "total_tokens": 55,
    "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 4},
}
COUNT = TokenUsage(40, 15, cached=10, cache_write=5, reasoning=4)
PARTS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "Look "}, {"type": "text", "text": "it up."}]},
    {"type": "text", "text": "Let me"},
    {"type": "reference", "reference_ids": [1]},
    {"type": "text", "text": " see."},
]
"""As Mistral's models write."""
CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
    {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
]
COMPLETION = {
    "id": "chatcmpl-x",
    "object": "chat.completion",
    "created": 1,
    "model": "up",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Let me see.",
                "reasoning_content": "Look it up.",
                "tool_calls": CALLS,
            },
            "logprobs": None,
            "finish_reason": "tool_calls",
        }
    ],
    "usage": USAGE,
}


def chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return write_data({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": [choice]})


def piece(index, arguments, **first):
    function = {"arguments": arguments, **({"name": first.pop("name")} if first else {})}
    return chunk({"tool_calls": [{"index": index, "function": function, **first}]})


USAGE_EVENT = write_data({"id": "c", "object": "chat.completion.chunk", "created": 1, "choices": [], "usage": USAGE})
STREAM = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "Look "}),
    b": ping\n\n",
    chunk({"reasoning_content": "it up."}),
    chunk({"content": "Let me"}),
    chunk({"content": " see."}),
    piece(0, "", id="call_1", type="function", name="f"),
    piece(0, '{"a"'),
    piece(0, ": 1}"),
    piece(1, "{}", id="call_2", type="function", name="g"),
    chunk({}, "tool_calls"),
    USAGE_EVENT,
]


class TestAnswer:
    def answer(self, finish="stop", **message):
        choice = {"index": 0, "message": {"role": "assistant", "content": "A"} | message, "finish_reason": finish}
        return TRANSLATION.answer(COMPLETION | {"choices": [choice]}, ASKED, COUNT)

    def test_a_whole_answer(self):
        answer = TRANSLATION.answer(COMPLETION, ASKED, COUNT)
        Message.model_validate(answer)
        assert answer == {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "fast",
            "content": [
                {"type": "thinking", "thinking": "Look it up.", "signature": ""},
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "call_2", "name": "g", "input": {}},
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

    @pytest.mark.parametrize(
        ("finish", "reason"),
        [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal"), (None, "end_turn")],
    )
    def test_why_it_ended(self, finish, reason):
        assert self.answer(finish)["stop_reason"] == reason

    def test_a_server_that_says_stop_after_a_tool_call(self):
        assert self.answer("stop", tool_calls=CALLS)["stop_reason"] == "tool_use"

    def test_a_refusal_is_text(self):
        assert self.answer(content=None, refusal="No.")["content"] == [{"type": "text", "text": "No."}]

    def test_text_and_thought_in_parts_are_text_and_thought(self):
        assert self.answer(content=PARTS)["content"] == [
            {"type": "thinking", "thinking": "Look it up.", "signature": ""},
            {"type": "text", "text": "Let me see."},
        ]

    def test_arguments_that_the_limit_cut_are_empty(self):
        cut = [{"id": "c", "function": {"name": "f", "arguments": '{"a'}}]
        assert self.answer("length", tool_calls=cut)["content"][1]["input"] == {}
        with pytest.raises(ModelBrokenError):
            self.answer("tool_calls", tool_calls=cut)

    def test_a_call_without_an_id_gets_one(self):
        nameless = [{"function": {"name": "f", "arguments": "{}"}}]
        assert self.answer("tool_calls", tool_calls=nameless)["content"][1]["id"] == "toolu_msg_1_0"

    @pytest.mark.parametrize("choices", [[], [{}], [{"message": {"tool_calls": [{}]}}], None])
    def test_an_answer_that_lacks_what_it_must_have_is_broken(self, choices):
        with pytest.raises(ModelBrokenError):
            TRANSLATION.answer(COMPLETION | {"choices": choices}, ASKED, COUNT)


class TestStream:
    def translate(self, stream=STREAM):
        events = TRANSLATION.events(ASKED)
        return b"".join(events.feed(event) for event in stream) + events.final(DONE_EVENT, COUNT)

    def test_folded_it_is_the_whole_answer(self):
        assert fold_messages(self.translate()) == TRANSLATION.answer(COMPLETION, ASKED, COUNT)

    def test_its_order(self):
        block = ["content_block_start", "content_block_delta", "content_block_stop"]
        assert [name for name, _ in read_events(self.translate())] == [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "ping",
            *block[1:],
            *[block[0], *block[1:2] * 2, block[2]],
            *[block[0], *block[1:2] * 2, block[2]],
            *block,
            "message_delta",
            "message_stop",
        ]

    def test_events_that_come_together_are_translated_the_same(self):
        events = TRANSLATION.events(ASKED)
        assert events.feed(b"".join(STREAM)) + events.final(DONE_EVENT, COUNT) == self.translate()

    def test_an_answer_without_a_word_is_whole_too(self):
        message = fold_messages(self.translate([chunk({"role": "assistant"}, "stop")]))
        assert (message["content"], message["stop_reason"]) == ([], "end_turn")

    def test_parts_of_deltas_are_text_and_thought(self):
        stream = [chunk({"content": [part]}) for part in PARTS]
        content = fold_messages(self.translate([*stream, chunk({"content": "!"}, "stop")]))["content"]
        assert content == [
            {"type": "thinking", "thinking": "Look it up.", "signature": ""},
            {"type": "text", "text": "Let me see.!"},
        ]

    @pytest.mark.parametrize("content", [{"type": "text"}, 3, True])
    def test_what_is_neither_text_nor_parts_is_broken(self, content):
        with pytest.raises(ModelBrokenError):
            self.translate([chunk({"content": content})])

    def test_thought_with_its_signature_survives(self):
        thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
        hidden = {"type": "redacted_thinking", "data": "x"}
        stream = [
            chunk({"reasoning_content": "hm"}),
            chunk({"thinking_blocks": [{"index": 0, **thought}]}),
            chunk({"thinking_blocks": [{"index": 1, **hidden}]}),
            chunk({"content": "A"}, "stop"),
        ]
        assert fold_messages(self.translate(stream))["content"] == [thought, hidden, {"type": "text", "text": "A"}]

    def test_calls_written_at_the_same_time_come_one_after_the_other(self):
        stream = [piece(0, "", id="a", name="f"), piece(1, "", id="b", name="g"), piece(0, '{"x"')]
        stream += [piece(1, '{"y":'), piece(0, ":1}"), piece(1, "2}"), chunk({}, "tool_calls")]
        content = fold_messages(self.translate(stream))["content"]
        assert [(block["id"], block["input"]) for block in content] == [("a", {"x": 1}), ("b", {"y": 2})]

    @pytest.mark.parametrize("place", [{"index": 0}, {"index": None}, {}])
    def test_calls_without_places_of_their_own_are_told_apart_by_their_ids(self, place):
        calls = [{"id": name, "function": {"name": "f", "arguments": f'{{"{name}": 1}}'}} | place for name in "ab"]
        for stream in ([chunk({"tool_calls": calls})], [chunk({"tool_calls": [call]}) for call in calls]):
            content = fold_messages(self.translate([*stream, chunk({}, "tool_calls")]))["content"]
            assert [(block["id"], block["input"]) for block in content] == [("a", {"a": 1}), ("b", {"b": 1})]

    def test_a_call_that_goes_on_after_something_else_is_broken(self):
        with pytest.raises(ModelBrokenError):
            self.translate([piece(0, "", id="a", name="f"), chunk({"content": "so"}), piece(0, "{}")])
