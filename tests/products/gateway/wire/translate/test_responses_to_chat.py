"""OpenAI's responses asked of a provider of chat completions, or through them of Anthropic's messages."""

import json

import pytest
from openai.types.responses import Response

from patchbay.lib.errors import InvalidError
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Asked, Target, UnsupportedError
from patchbay.products.gateway.wire.sse import DONE_EVENT, write_data
from patchbay.products.gateway.wire.table import WIRES, find_translation, translate_body
from tests.products.gateway.wire.folding import fold_responses, read_events
from tests.products.gateway.wire.translate import test_chat_to_messages, test_messages_to_chat
from tests.products.gateway.wire.translate.test_messages_to_chat import COUNT

_, TRANSLATION = find_translation("responses", frozenset({"chat"}))
_, THROUGH = find_translation("responses", frozenset({"messages"}))
TOOL = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
REQUEST = {"model": "fast", "input": "Hi", "instructions": "Be short.", "tools": [TOOL], "metadata": {"a": "b"}}
ASKED = Asked("fast", "resp_1", 1_700_000_000, request=REQUEST)


def ask(given="Hi", **fields):
    return TRANSLATION.request({"model": "m", "input": given, **fields})


def message(role, *content):
    return {"type": "message", "role": role, "content": list(content)}


class TestInput:
    def test_a_text_is_what_the_user_says(self):
        assert ask("Hi", instructions="Be short.")["messages"] == [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Hi"},
        ]

    def test_messages_with_and_without_a_type(self):
        asked = ask(
            [{"role": "developer", "content": "Be short."}, message("user", {"type": "input_text", "text": "Hi"})]
        )
        assert asked["messages"] == [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]

    def test_pictures_and_files(self):
        picture = {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "low"}
        file = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,J"}
        assert ask([message("user", {"type": "input_text", "text": "?"}, picture, file)])["messages"][0]["content"] == [
            {"type": "text", "text": "?"},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,J"}},
        ]

    def test_calls_join_what_the_assistant_said(self):
        asked = ask(
            [
                message("user", {"type": "input_text", "text": "?"}),
                {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "another's"},
                message("assistant", {"type": "output_text", "text": "Let me see."}),
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
                {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "x"},
                {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "y"}]},
            ]
        )
        assert asked["messages"][1:] == [
            {
                "role": "assistant",
                "content": "Let me see.",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
                    {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "x"},
            {"role": "tool", "tool_call_id": "c2", "content": "y"},
        ]

    @pytest.mark.parametrize(
        ("item", "at"),
        [
            ({"type": "item_reference", "id": "msg"}, "input[0]"),
            ({"id": "msg"}, "input[0]"),
            ({"type": "computer_call"}, "input[0].type"),
            (message("user", {"type": "input_file", "file_id": "f"}), "input[0].content[0]"),
            (message("user", {"type": "input_image", "file_id": "f"}), "input[0].content[0]"),
            (message("assistant", {"type": "input_image", "image_url": "x"}), "input[0].content[0].type"),
            (message("tool"), "input[0].role"),
            ({"type": "function_call", "name": "f", "arguments": "{}"}, "input[0].call_id"),
        ],
    )
    def test_what_cannot_be_said_is_refused_by_name(self, item, at):
        with pytest.raises(InvalidError) as refusal:
            ask([item])
        assert refusal.value.fields[0].field == at


class TestFields:
    def test_the_simple_ones(self):
        asked = ask(
            max_output_tokens=50,
            temperature=0.5,
            top_p=0.9,
            stream=True,
            user="u",
            reasoning={"effort": "low", "summary": "auto"},
            parallel_tool_calls=True,
        )
        assert asked == {
            "model": "m",
            "messages": [{"role": "user", "content": "Hi"}],
            "max_completion_tokens": 50,
            "temperature": 0.5,
            "top_p": 0.9,
            "stream": True,
            "stream_options": {"include_usage": True},
            "user": "u",
            "reasoning_effort": "low",
        }

    @pytest.mark.parametrize("choice", ["auto", "none", "required"])
    def test_tools_and_their_choice(self, choice):
        asked = ask(tools=[TOOL], tool_choice=choice, parallel_tool_calls=False)
        function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
        assert asked["tools"] == [{"type": "function", "function": function}]
        assert (asked["tool_choice"], asked["parallel_tool_calls"]) == (choice, False)

    def test_one_function_demanded(self):
        asked = ask(tools=[TOOL], tool_choice={"type": "function", "name": "f"})
        assert asked["tool_choice"] == {"type": "function", "function": {"name": "f"}}

    def test_a_json_schema(self):
        schema = {"type": "object"}
        asked = ask(text={"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}})
        assert asked["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": schema, "strict": True},
        }
        assert ask(text={"format": {"type": "json_object"}})["response_format"] == {"type": "json_object"}
        assert "response_format" not in ask(text={"format": {"type": "text"}, "verbosity": "low"})

    def test_what_changes_nothing_is_left_out(self):
        assert ask(store=True, metadata={"a": "b"}, truncation="auto", include=["reasoning.encrypted_content"]) == ask()

    @pytest.mark.parametrize(
        ("fields", "at"),
        [
            ({"previous_response_id": "resp_0"}, "previous_response_id"),
            ({"conversation": "conv"}, "conversation"),
            ({"prompt": {"id": "p"}}, "prompt"),
            ({"top_logprobs": 2}, "top_logprobs"),
            ({"include": ["message.output_text.logprobs"]}, "include"),
            ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
            ({"tools": [TOOL], "tool_choice": {"type": "web_search"}}, "tool_choice"),
            ({"text": {"format": {"type": "grammar"}}}, "text.format"),
            ({"x_new": 1}, "x_new"),
        ],
    )
    def test_what_has_no_place_is_refused_by_name(self, fields, at):
        with pytest.raises(UnsupportedError) as refusal:
            ask(**fields)
        assert refusal.value.fields[0].field == at


class TestAnswer:
    def test_a_whole_answer(self):
        response = TRANSLATION.answer(test_messages_to_chat.COMPLETION, ASKED, COUNT)
        Response.model_validate(response)
        assert response["output"] == [
            {"id": "rs_1_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Look it up."}]},
            {
                "id": "msg_1_1",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Let me see.", "annotations": [], "logprobs": []}],
            },
            *[
                {
                    "id": name,
                    "type": "function_call",
                    "status": "completed",
                    "call_id": call["id"],
                    **call["function"],
                }
                for name, call in zip(("fc_1_2", "fc_1_3"), test_messages_to_chat.CALLS, strict=True)
            ],
        ]
        assert response["usage"] == {
            "input_tokens": 40,
            "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 5},
            "output_tokens": 15,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 55,
        }
        echoed = ("id", "model", "created_at", "instructions", "metadata", "store", "status")
        assert [response[name] for name in echoed] == [
            "resp_1",
            "fast",
            1_700_000_000,
            "Be short.",
            {"a": "b"},
            False,
            "completed",
        ]

    @pytest.mark.parametrize(
        ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
    )
    def test_an_answer_cut_short_is_incomplete(self, finish, reason):
        choice = {"index": 0, "message": {"content": "A", "refusal": None}, "finish_reason": finish}
        response = TRANSLATION.answer({"choices": [choice]}, ASKED, COUNT)
        Response.model_validate(response)
        assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": reason})

    def test_a_refusal_is_a_message_of_its_own(self):
        choice = {"index": 0, "message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}
        response = TRANSLATION.answer({"choices": [choice]}, ASKED, COUNT)
        assert response["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]

    def test_text_and_thought_in_parts_are_text_and_thought(self):
        choice = {"index": 0, "message": {"content": test_messages_to_chat.PARTS}, "finish_reason": "stop"}
        response = TRANSLATION.answer({"choices": [choice]}, ASKED, COUNT)
        Response.model_validate(response)
        thought, message = response["output"]
        assert thought["summary"] == [{"type": "summary_text", "text": "Look it up."}]
        assert message["content"][0]["text"] == "Let me see."

    def test_an_answer_that_lacks_what_it_must_have_is_broken(self):
        with pytest.raises(ModelBrokenError):
            TRANSLATION.answer({"choices": []}, ASKED, COUNT)


class TestStream:
    def translate(self, stream=test_messages_to_chat.STREAM):
        events = TRANSLATION.events(ASKED)
        return b"".join(events.feed(event) for event in stream) + events.final(DONE_EVENT, COUNT)

    def test_folded_it_is_the_whole_answer(self):
        assert fold_responses(self.translate()) == TRANSLATION.answer(test_messages_to_chat.COMPLETION, ASKED, COUNT)

    def test_its_order(self):
        text = ["content_part.added", "output_text.delta", "output_text.delta", "output_text.done", "content_part.done"]
        thought = ["part.added", "text.delta", "text.delta", "text.done", "part.done"]
        calls = ["function_call_arguments.delta", "function_call_arguments.done"]
        assert [name.removeprefix("response.") for name, _ in read_events(self.translate())] == [
            "created",
            "in_progress",
            "output_item.added",
            *[f"reasoning_summary_{name}" for name in thought],
            "output_item.done",
            "output_item.added",
            *text,
            "output_item.done",
            "output_item.added",
            calls[0],
            *calls,
            "output_item.done",
            "output_item.added",
            *calls,
            "output_item.done",
            "completed",
        ]

    def test_events_that_come_together_are_translated_the_same(self):
        events = TRANSLATION.events(ASKED)
        assert events.feed(b"".join(test_messages_to_chat.STREAM)) + events.final(DONE_EVENT, COUNT) == self.translate()

    def test_a_refusal_and_an_end_by_the_limit(self):
        choice = {"index": 0, "delta": {"refusal": "No."}, "finish_reason": None}
        end = {"index": 0, "delta": {}, "finish_reason": "length"}
        response = fold_responses(self.translate([write_data({"choices": [choice]}), write_data({"choices": [end]})]))
        assert response["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]
        assert (response["status"], response["usage"]["output_tokens"]) == ("incomplete", 15)

    def test_parts_of_deltas_are_text_and_thought(self):
        deltas = [{"index": 0, "delta": {"content": [part]}} for part in test_messages_to_chat.PARTS]
        thought, message = fold_responses(self.translate([write_data({"choices": [each]}) for each in deltas]))[
            "output"
        ]
        assert thought["summary"] == [{"type": "summary_text", "text": "Look it up."}]
        assert message["content"][0]["text"] == "Let me see."

    def test_an_empty_answer_is_a_response_too(self):
        assert fold_responses(self.translate([]))["output"] == []

    def test_calls_written_at_the_same_time_come_one_after_the_other(self):
        piece = test_messages_to_chat.piece
        stream = [piece(0, "", id="a", name="f"), piece(1, "", id="b", name="g"), piece(0, "[1"), piece(1, "[2]")]
        output = fold_responses(self.translate([*stream, piece(0, "]")]))["output"]
        assert [(item["call_id"], item["arguments"]) for item in output] == [("a", "[1]"), ("b", "[2]")]

    def test_calls_of_one_place_are_told_apart_by_their_ids(self):
        piece = test_messages_to_chat.piece
        stream = [piece(0, "[1]", id="a", name="f"), piece(0, "[2]", id="b", name="g")]
        output = fold_responses(self.translate(stream))["output"]
        assert [(item["call_id"], item["arguments"]) for item in output] == [("a", "[1]"), ("b", "[2]")]

    def test_a_call_that_goes_on_after_something_else_is_broken(self):
        piece, text = test_messages_to_chat.piece, {"index": 0, "delta": {"content": "so"}}
        with pytest.raises(ModelBrokenError):
            self.translate([piece(0, "", id="a", name="f"), write_data({"choices": [text]}), piece(0, "{}")])


class TestThroughToAnthropic:
    """Responses asked of Anthropic's messages: two translations as one."""

    def test_a_request(self):
        asked = THROUGH.request({"model": "m", "input": "Hi", "instructions": "Be short.", "max_output_tokens": 9})
        assert asked == {
            "model": "m",
            "max_tokens": 9,
            "system": "Be short.",
            "messages": [{"role": "user", "content": "Hi"}],
        }

    def test_an_upstreams_body_keeps_limit_stream_and_effort(self):
        fields = {"model": "alias", "input": "Hi", "stream": True, "reasoning": {"effort": "high"}}
        raw = json.dumps(fields | {"max_output_tokens": 9000}).encode()
        sent, head = translate_body(
            raw,
            WIRES["responses"].read(raw),
            Target("up", 5000),
            asked="responses",
            spoken="messages",
            translation=THROUGH,
        )
        assert json.loads(sent) == {
            "model": "up",
            "max_tokens": 5000,
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
            "thinking": {"type": "enabled", "budget_tokens": 2500},
        }
        assert (head.stream, head.max_output_tokens) == (True, 5000)

    def test_a_stream_folds_to_the_whole_answer(self):
        events = THROUGH.events(ASKED)
        stream = b"".join(events.feed(event) for event in test_chat_to_messages.STREAM)
        stream += events.final(test_chat_to_messages.STOP, COUNT)
        whole = THROUGH.answer(test_chat_to_messages.MESSAGE, ASKED, COUNT)
        assert fold_responses(stream) == whole
        assert whole["usage"]["input_tokens_details"] == {"cached_tokens": 10, "cache_write_tokens": 5}

    def test_thought_comes_back_to_anthropic_signed(self):
        output = THROUGH.answer(test_chat_to_messages.MESSAGE, ASKED, COUNT)["output"]
        results = [{"type": "function_call_output", "call_id": name, "output": "x"} for name in ("toolu_1", "toolu_2")]
        asked = THROUGH.request({"model": "m", "input": [{"role": "user", "content": "?"}, *output, *results]})
        assert asked["messages"][1]["content"] == test_chat_to_messages.MESSAGE["content"]

    def test_thought_is_not_sent_to_others(self):
        output = THROUGH.answer(test_chat_to_messages.MESSAGE, ASKED, COUNT)["output"]
        asked = TRANSLATION.request({"model": "m", "input": [{"role": "user", "content": "?"}, *output]})
        assert all("thinking_blocks" not in message for message in asked["messages"])
