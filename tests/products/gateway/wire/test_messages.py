"""The messages format: what is read, what is written anew, what goes through untouched."""

import json

import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st

from patchbay.lib.errors import InvalidError, NotFoundError, RateLimitedError, UnavailableError
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Head, Target, TokenUsage
from patchbay.products.gateway.wire.messages import WIRE


def body(**fields):
    known = {"model": "claude", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}]}
    return json.dumps(known | fields).encode()


def user(*blocks):
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def event(kind, **fields):
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **fields}).encode())


def delta(index, **fields):
    return event("content_block_delta", index=index, delta=fields)


START_USAGE = {"input_tokens": 25, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 10, "output_tokens": 1}
START = event(
    "message_start",
    message={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude",
        "stop_reason": None,
        "stop_sequence": None,
        "usage": START_USAGE,
    },
)
STREAM = [
    START,
    event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
    event("ping"),
    delta(0, type="thinking_delta", thinking="hm"),
    delta(0, type="signature_delta", signature="EqQBCgIYAhIM1gbcDa9GJwZA2b3h"),
    event("content_block_stop", index=0),
    event("content_block_start", index=1, content_block={"type": "text", "text": ""}),
    delta(1, type="text_delta", text="Hé"),
    event("content_block_stop", index=1),
    event("content_block_start", index=2, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}),
    delta(2, type="input_json_delta", partial_json='{"a"'),
    delta(2, type="input_json_delta", partial_json=": 1}"),
    event("content_block_stop", index=2),
    event("something_new", payload=[1, 2]),
    event("message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage={"output_tokens": 15}),
]
STOP = event("message_stop")


class TestHead:
    def test_a_plain_request(self):
        assert WIRE.read(body()) == Head("claude", max_output_tokens=64, include_usage=True)

    def test_tools_and_stream(self):
        head = WIRE.read(body(stream=True, tools=[{"name": "f", "input_schema": {"type": "object"}}]))
        assert (head.stream, head.tools, head.opaque) == (True, True, False)

    def test_pictures_are_counted_in_tool_results_too(self):
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
        result = {"type": "tool_result", "tool_use_id": "t", "content": [picture, {"type": "text", "text": "x"}]}
        head = WIRE.read(body(**user(picture, result, {"type": "text", "text": "?"})))
        assert (head.images, head.opaque) == (2, False)

    @pytest.mark.parametrize(
        "block",
        [
            {"type": "text", "text": "x"},
            {"type": "tool_result", "tool_use_id": "t", "content": "fine"},
            {"type": "tool_result", "tool_use_id": "t"},
            {"type": "thinking", "thinking": "x", "signature": "s"},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
            {"type": "document", "source": {"type": "content", "content": "x"}},
        ],
    )
    def test_what_its_bytes_bound_is_not_opaque(self, block):
        assert not WIRE.read(body(**user(block))).opaque

    @pytest.mark.parametrize(
        "fields",
        [
            user({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}}),
            user({"type": "document", "source": {"type": "file", "file_id": "f"}}),
            user({"type": "container_upload", "file_id": "f"}),
            user({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "document"}]}),
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            {"mcp_servers": [{"type": "url", "url": "https://x"}]},
            {"container": "container_1"},
        ],
    )
    def test_what_only_the_provider_can_measure_is_opaque(self, fields):
        assert WIRE.read(body(**fields)).opaque

    def test_a_container_is_at_one_provider(self):
        assert WIRE.read(body(container="container_1")).refers

    @pytest.mark.parametrize(
        ("fields", "at"),
        [
            ({"model": ""}, "model"),
            ({"max_tokens": -1}, "max_tokens"),
            ({"max_tokens": None}, "max_tokens"),
            ({"messages": []}, "messages"),
            ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
            ({"stream": 1}, "stream"),
        ],
    )
    def test_a_wrong_field_is_named(self, fields, at):
        with pytest.raises(InvalidError) as refusal:
            WIRE.read(body(**fields))
        assert refusal.value.fields[0].field == at

    def test_the_limit_is_required(self):
        with pytest.raises(InvalidError) as refusal:
            WIRE.read(b'{"model":"m","messages":[]}')
        assert refusal.value.fields[0].field == "max_tokens"


class TestPrepare:
    def test_only_the_model_and_the_limit_are_written_anew(self):
        raw = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"\\u00e9"}],"new":{"b": 1.50}}'
        sent = WIRE.prepare(raw, WIRE.read(raw), Target("up", 8))
        assert sent == raw.replace(b'"m"', b'"up"', 1).replace(b":9,", b":8,", 1)

    def test_without_a_limit_of_ours_the_clients_stays(self):
        raw = body()
        assert json.loads(WIRE.prepare(raw, WIRE.read(raw), Target("up", None)))["max_tokens"] == 64


class TestWholeAnswer:
    ANSWER = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "Hé"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": START_USAGE | {"output_tokens": 15, "output_tokens_details": {"thinking_tokens": 4}},
    }

    def read(self, **fields):
        return WIRE.read_answer(json.dumps(self.ANSWER | fields).encode())

    def test_the_example_is_an_answer(self):
        Message.model_validate(self.ANSWER)

    def test_what_the_cache_read_and_wrote_is_part_of_the_prompt(self):
        assert self.read().usage == TokenUsage(40, 15, cached=10, cache_write=5, reasoning=4)

    @pytest.mark.parametrize(
        ("counted", "minutes", "hour"),
        [
            ({"cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}}, 2, 3),
            ({"cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 5}}, 0, 5),
            ({"cache_creation": {"ephemeral_1h_input_tokens": 3}}, 2, 3),
            ({"cache_creation": None}, 5, 0),
            ({"cache_creation": {}}, 5, 0),
            ({"cache_creation": {"ephemeral_1h_input_tokens": 3}, "cache_creation_input_tokens": None}, 0, 3),
        ],
    )
    def test_what_is_kept_for_an_hour_is_counted_apart(self, counted, minutes, hour):
        used = self.read(usage=START_USAGE | counted).usage
        assert (used.cache_write, used.cache_write_1h) == (minutes, hour)
        assert used.prompt == 25 + 10 + minutes + hour

    def test_a_reported_zero_is_a_zero(self):
        assert self.read(usage={"input_tokens": 0, "output_tokens": 0}).usage == TokenUsage(0, 0)

    def test_all_that_was_written_counts(self):
        assert self.read(usage=None).usage is None
        assert self.read(usage=None).produced_bytes == 2 + 3 + 1 + len('{"a":1}')

    @pytest.mark.parametrize("raw", [b"", b"{}", b'{"type":"error","error":{}}', b'{"type":"other","content":[]}'])
    def test_what_is_no_answer_is_broken(self, raw):
        with pytest.raises(ModelBrokenError):
            WIRE.read_answer(raw)


class TestStream:
    def follow(self, chunks):
        reader = WIRE.reader(Head("claude", stream=True))
        sent = b"".join(reader.feed(part) for part in chunks)
        if not reader.ended:
            reader.stop()
        return reader, sent

    def test_events_go_on_as_they_came_and_message_stop_is_kept_back(self):
        reader, sent = self.follow([*STREAM, STOP])
        assert sent == b"".join(STREAM)
        assert reader.ended
        assert reader.final() == STOP
        assert reader.usage == TokenUsage(40, 15, cached=10, cache_write=5)
        assert reader.produced_bytes() == 2 + 3 + 1 + 4 + 4

    def test_the_last_count_may_correct_the_prompt(self):
        last = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"input_tokens": 90, "output_tokens": 7})
        reader, _ = self.follow([START, last, STOP])
        assert reader.usage == TokenUsage(105, 7, cached=10, cache_write=5)

    def test_what_is_kept_for_an_hour_is_told_at_the_start_or_at_the_end(self):
        kept = {"cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 4}}
        early = event("message_start", message={"usage": START_USAGE | kept})
        last = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7})
        late = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7} | kept)
        for stream in ([early, last, STOP], [START, late, STOP]):
            reader, _ = self.follow(stream)
            assert reader.usage == TokenUsage(40, 7, cached=10, cache_write=1, cache_write_1h=4)

    def test_a_cut_stream_counts_its_prompt_and_estimates_its_completion(self):
        reader, _ = self.follow([START, delta(0, type="text_delta", text="abcdefghi")])
        assert not reader.ended
        assert reader.usage == TokenUsage(40, 3, cached=10, cache_write=5, estimated=True)

    def test_a_stream_without_any_count_has_no_usage(self):
        reader, _ = self.follow([delta(0, type="text_delta", text="abc")])
        assert reader.usage is None
        assert reader.produced_bytes() == 3

    def test_a_last_event_without_its_blank_line_ends_the_answer(self):
        reader, _ = self.follow([*STREAM, STOP[:-2]])
        assert reader.ended
        assert reader.final() == STOP

    def test_a_stream_without_message_stop_has_not_ended(self):
        reader, _ = self.follow(STREAM)
        assert not reader.ended

    def test_an_error_event_breaks_the_answer(self):
        reader = WIRE.reader(Head("claude"))
        with pytest.raises(ModelBrokenError):
            reader.feed(event("error", error={"type": "overloaded_error", "message": "Overloaded"}))

    @given(st.data(), st.sampled_from([b"\n", b"\r\n", b"\r"]))
    def test_wherever_the_network_cuts_the_client_gets_the_same(self, data, line_end):
        stream = b"".join([*STREAM, STOP]).replace(b"\n", line_end)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
        reader, sent = self.follow(
            [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        )
        assert sent + reader.final() == stream
        assert reader.usage == TokenUsage(40, 15, cached=10, cache_write=5)


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (InvalidError(), "invalid_request_error"),
            (NotFoundError(), "not_found_error"),
            (RateLimitedError(), "rate_limit_error"),
            (UnavailableError(), "overloaded_error"),
            (ModelBrokenError(), "api_error"),
        ],
    )
    def test_an_error_has_anthropics_shape(self, error, kind):
        shown = json.loads(WIRE.error_body(error, "req_1"))
        assert shown["type"] == "error"
        assert shown["error"]["type"] == kind
        assert shown["error"]["message"].startswith(error.message)
        assert shown["request_id"] == "req_1"

    def test_in_a_stream_it_is_one_event(self):
        name, data = WIRE.error_event(ModelBrokenError(), "req_1").split(b"\n")[:2]
        assert name == b"event: error"
        assert json.loads(data.removeprefix(b"data: "))["error"]["type"] == "api_error"
