"""The responses format: what is read, what is written anew, what goes through untouched."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseErrorEvent

from patchbay.lib.errors import FieldError, InvalidError, RateLimitedError
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Head, Target, TokenUsage, UnsupportedError
from patchbay.products.gateway.wire.responses import WIRE


def body(**fields):
    return json.dumps({"model": "m", "input": "Hi"} | fields).encode()


def said(*parts):
    return {"input": [{"role": "user", "content": list(parts)}]}


def event(kind, **fields):
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **fields}).encode())


USAGE = {
    "input_tokens": 30,
    "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 2},
    "output_tokens": 12,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 42,
}
COUNTED = TokenUsage(30, 12, cached=10, cache_write=2, reasoning=5)
STREAM = [
    event("response.created", response={"id": "resp_1", "usage": None}, sequence_number=0),
    event("response.output_item.added", output_index=0, item={"type": "message"}, sequence_number=1),
    event("response.reasoning_summary_text.delta", delta="hm", sequence_number=2),
    event("response.output_text.delta", delta="Hé", sequence_number=3),
    event("response.function_call_arguments.delta", delta='{"a"', sequence_number=4),
    event("response.audio.delta", delta="AAAA", sequence_number=5),
    event("response.something_new", delta={"x": 1}, sequence_number=6),
]
LAST = event("response.completed", response={"id": "resp_1", "status": "completed", "usage": USAGE}, sequence_number=7)


class TestHead:
    def test_a_plain_request(self):
        assert WIRE.read(body()) == Head("m", include_usage=True)

    def test_limit_stream_and_tools(self):
        head = WIRE.read(body(max_output_tokens=50, stream=True, tools=[{"type": "function", "name": "f"}]))
        assert head == Head("m", stream=True, max_output_tokens=50, tools=True, include_usage=True)

    def test_pictures_are_counted_in_what_tools_returned_too(self):
        picture = {"type": "input_image", "image_url": "https://x/y.png"}
        result = {"type": "function_call_output", "call_id": "c", "output": [picture]}
        head = WIRE.read(
            body(input=[{"role": "user", "content": [picture, {"type": "input_text", "text": "?"}]}, result])
        )
        assert (head.images, head.opaque) == (2, False)

    @pytest.mark.parametrize(
        "fields",
        [
            said({"type": "input_file", "file_id": "f"}),
            {"tools": [{"type": "web_search"}]},
            {"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]},
            {"input": [{"type": "computer_call_output", "output": {"type": "computer_screenshot"}}]},
        ],
    )
    def test_what_only_the_provider_can_measure_is_opaque(self, fields):
        head = WIRE.read(body(**fields))
        assert (head.opaque, head.refers) == (True, False)

    @pytest.mark.parametrize(
        "fields",
        [
            {"previous_response_id": "resp_0"},
            {"conversation": "conv_1"},
            {"conversation": {"id": "conv_1"}},
            {"prompt": {"id": "pmpt_1"}},
            {"input": [{"type": "item_reference", "id": "msg_1"}]},
            {"input": [{"id": "msg_1"}]},
        ],
    )
    def test_what_a_provider_stored_is_only_there(self, fields):
        head = WIRE.read(body(**fields))
        assert (head.opaque, head.refers) == (True, True)

    def test_each_stored_answer_and_item_is_named_once_with_its_field(self):
        references = [{"type": "item_reference", "id": each} for each in ("msg_1", "resp_0", "msg_1")]
        head = WIRE.read(body(previous_response_id="resp_0", input=[{"role": "user", "content": "?"}, *references]))
        named = [(each.field, each.id) for each in head.references]
        assert named == [("previous_response_id", "resp_0"), ("input[1].id", "msg_1")]

    def test_a_background_response_is_refused(self):
        with pytest.raises(UnsupportedError) as refusal:
            WIRE.read(body(background=True))
        assert refusal.value.fields[0].field == "background"

    @pytest.mark.parametrize(
        ("fields", "at"),
        [
            ({"model": ""}, "model"),
            ({"input": 3}, "input"),
            ({"max_output_tokens": 0}, "max_output_tokens"),
            ({"tools": [{}]}, "tools[0].type"),
        ],
    )
    def test_a_wrong_field_is_named(self, fields, at):
        with pytest.raises(InvalidError) as refusal:
            WIRE.read(body(**fields))
        assert refusal.value.fields[0].field == at


class TestPrepare:
    def test_only_the_model_and_the_limit_are_written_anew(self):
        raw = b'{"model":"m","input":"\\u00e9","new":{"b": 1.50},"max_output_tokens":9}'
        sent = WIRE.prepare(raw, WIRE.read(raw), Target("up", 8))
        assert sent == raw.replace(b'"m"', b'"up"', 1).replace(b":9}", b":8}", 1)

    def test_a_limit_is_added_where_the_client_set_none(self):
        assert json.loads(WIRE.prepare(body(), WIRE.read(body()), Target("up", 8)))["max_output_tokens"] == 8


class TestWholeAnswer:
    OUTPUT = [
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "id": "msg", "content": [{"type": "output_text", "text": "Hé"}]},
        {"type": "function_call", "id": "fc", "name": "f", "arguments": "{}"},
        {"type": "web_search_call", "id": "ws"},
    ]

    def read(self, **fields):
        answer = {"object": "response", "status": "completed", "output": self.OUTPUT, "usage": USAGE} | fields
        return WIRE.read_answer(json.dumps(answer).encode())

    def test_usage_by_kind_and_what_was_written(self):
        answer = self.read()
        assert (answer.usage, answer.produced_bytes) == (COUNTED, 2 + 3 + 1 + 2)

    def test_zero_is_zero_and_nothing_is_none(self):
        assert self.read(usage={"input_tokens": 0, "output_tokens": 0}).usage == TokenUsage(0, 0)
        assert self.read(usage=None).usage is None

    def test_an_incomplete_answer_is_an_answer(self):
        assert self.read(status="incomplete").usage == COUNTED

    @pytest.mark.parametrize(
        "fields", [{"status": "failed"}, {"status": "queued"}, {"object": "list"}, {"output": None}]
    )
    def test_what_is_no_answer_is_broken(self, fields):
        with pytest.raises(ModelBrokenError):
            self.read(**fields)


class TestStream:
    def follow(self, chunks):
        reader = WIRE.reader(Head("m", stream=True))
        sent = b"".join(reader.feed(part) for part in chunks)
        if not reader.ended:
            reader.stop()
        return reader, sent

    def test_events_go_on_as_they_came_and_the_last_is_kept_back(self):
        reader, sent = self.follow([*STREAM, LAST])
        assert sent == b"".join(STREAM)
        assert (reader.ended, reader.final(), reader.usage) == (True, LAST, COUNTED)
        assert reader.produced_bytes() == 2 + 3 + 4

    def test_an_incomplete_answer_has_ended(self):
        reader, _ = self.follow([event("response.incomplete", response={"usage": USAGE})])
        assert (reader.ended, reader.usage) == (True, COUNTED)

    def test_a_cut_stream_has_not_ended(self):
        reader, _ = self.follow(STREAM)
        assert (reader.ended, reader.usage) == (False, None)

    @pytest.mark.parametrize("kind", ["error", "response.failed"])
    def test_a_failure_breaks_the_answer(self, kind):
        with pytest.raises(ModelBrokenError):
            self.follow([event(kind, message="x", response={"usage": None})])

    @given(st.data())
    def test_wherever_the_network_cuts_the_client_gets_the_same(self, data):
        stream = b"".join([*STREAM, LAST])
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
        reader, sent = self.follow(
            [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        )
        assert sent + reader.final() == stream
        assert reader.usage == COUNTED


def test_errors_have_openais_shape():
    error = InvalidError("input: no", fields=(FieldError("input", "no"),))
    assert json.loads(WIRE.error_body(error, "r"))["error"]["param"] == "input"
    shown = WIRE.error_event(RateLimitedError(), "r").split(b"\n")[1].removeprefix(b"data: ")
    assert ResponseErrorEvent.model_validate_json(shown).code == "rate_limited"
