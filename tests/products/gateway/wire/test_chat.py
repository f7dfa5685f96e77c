"""The chat completions format: what is read, what is written anew, what goes through untouched."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.lib.errors import BadRequestError, FieldError, InvalidError, RateLimitedError, UnauthenticatedError
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.chat import WIRE
from patchbay.products.gateway.wire.contracts import Head, Target, TokenUsage

MESSAGES = [{"role": "user", "content": "Hi"}]


def body(**fields):
    return json.dumps({"model": "m", "messages": MESSAGES, **fields}).encode()


def chunk(delta=None, *, finish=None, index=0, usage="absent"):
    choice = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    if usage != "absent":
        event["usage"] = usage
    return b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"


USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
USAGE_EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":'
    + json.dumps(USAGE).encode()
    + b"}\n\n"
)
DONE = b"data: [DONE]\n\n"
STREAM = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hé"}), chunk({"content": "j"}, finish="stop")]


class TestHead:
    def test_a_plain_request(self):
        assert WIRE.read(body()) == Head("m")

    def test_the_limit_goes_by_either_name(self):
        assert WIRE.read(body(max_tokens=5)).max_output_tokens == 5
        assert WIRE.read(body(max_completion_tokens=6, max_tokens=5)).max_output_tokens == 6

    def test_choices_tools_and_stream_options(self):
        tools = [{"type": "function", "function": {"name": "f"}}]
        head = WIRE.read(body(stream=True, stream_options={"include_usage": True}, n=3, tools=tools))
        assert head == Head("m", stream=True, choices=3, tools=True, include_usage=True)

    def test_pictures_are_counted(self):
        content = [{"type": "text", "text": "?"}] + [{"type": "image_url", "image_url": {"url": "https://x/y"}}] * 2
        assert WIRE.read(body(messages=[{"role": "user", "content": content}])).images == 2

    def test_a_picture_whose_type_is_written_with_escapes_is_counted(self):
        sly = b'{"model":"m","messages":[{"role":"user","content":[{"type":"im\\u0061ge_url","image_url":{}}]}]}'
        assert WIRE.read(sly).images == 1

    @pytest.mark.parametrize(
        "fields",
        [
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            {"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "u"}}]}]},
            {"messages": [{"role": "assistant", "audio": {"id": "a"}}]},
            {"web_search_options": {}},
            {"tools": [{"type": "web_search"}]},
        ],
    )
    def test_what_only_the_provider_can_measure_is_opaque(self, fields):
        assert WIRE.read(body(**fields)).opaque

    def test_thought_that_comes_back_in_parts_is_measured_by_its_bytes(self):
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
        assert not WIRE.read(body(messages=[{"role": "assistant", "content": [thought]}])).opaque

    def test_null_is_as_good_as_absent(self):
        nulls = dict.fromkeys(("stream", "stream_options", "n", "tools", "max_tokens", "web_search_options"))
        assert WIRE.read(body(**nulls)) == Head("m")

    @pytest.mark.parametrize(
        ("fields", "at"),
        [
            ({"model": 1}, "model"),
            ({"model": ""}, "model"),
            ({"messages": []}, "messages"),
            ({"messages": "Hi"}, "messages"),
            ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
            ({"max_tokens": 0}, "max_tokens"),
            ({"max_completion_tokens": -1}, "max_completion_tokens"),
            ({"n": 0}, "n"),
            ({"n": 129}, "n"),
            ({"n": "1"}, "n"),
            ({"stream": "yes"}, "stream"),
            ({"stream_options": {"include_usage": 3}}, "stream_options.include_usage"),
        ],
    )
    def test_a_wrong_field_is_named(self, fields, at):
        with pytest.raises(InvalidError) as refusal:
            WIRE.read(body(**fields))
        assert refusal.value.fields[0].field == at

    def test_a_missing_field_is_named(self):
        with pytest.raises(InvalidError) as refusal:
            WIRE.read(b'{"messages":[]}')
        assert refusal.value.fields == (FieldError("model", "This field is required."),)

    @pytest.mark.parametrize("raw", [b"", b"{", b'{"model":"\xff"}', b"[" * 100_000])
    def test_what_is_no_json_is_a_bad_request(self, raw):
        with pytest.raises((BadRequestError, InvalidError)):
            WIRE.read(raw)

    def test_a_body_that_is_no_object_is_refused(self):
        with pytest.raises(InvalidError):
            WIRE.read(b"[]")


class TestPrepare:
    def prepare(self, raw, **target):
        return WIRE.prepare(raw, WIRE.read(raw), Target("up", **target))

    def test_fields_that_nobody_knows_go_through_byte_for_byte(self):
        raw = b'{"model":"m","messages":[{"role":"user","content":"\\u00e9 \xc3\xa9"}],"seed":1.50,"x":{"b": 1}}'
        sent = self.prepare(raw, max_output_tokens=None)
        assert sent == raw.replace(b'"m"', b'"up"', 1)

    def test_the_limit_that_the_hold_covers_replaces_the_clients(self):
        sent = json.loads(self.prepare(body(max_tokens=5), max_output_tokens=7))
        assert "max_tokens" not in sent
        assert sent["max_completion_tokens"] == 7
        sent = json.loads(self.prepare(body(max_completion_tokens=5), max_output_tokens=7, limit_field="max_tokens"))
        assert "max_completion_tokens" not in sent
        assert sent["max_tokens"] == 7

    @pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_obfuscation": False}])
    def test_a_stream_is_always_asked_for_its_usage(self, options):
        sent = json.loads(self.prepare(body(stream=True, stream_options=options), max_output_tokens=1))
        assert sent["stream_options"] == {**(options or {}), "include_usage": True}

    def test_a_whole_answer_is_not_given_stream_options(self):
        assert "stream_options" not in json.loads(self.prepare(body(), max_output_tokens=1))


class TestWholeAnswer:
    def read(self, usage, message=None):
        message = message or {"role": "assistant", "content": "Hé"}
        return WIRE.read_answer(json.dumps({"choices": [{"message": message}], "usage": usage}).encode())

    def test_usage_by_kind(self):
        usage = USAGE | {
            "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 1},
        }
        assert self.read(usage).usage == TokenUsage(9, 4, cached=3, audio_prompt=1, reasoning=2, audio_completion=1)

    def test_deepseeks_cache_hits_are_cached_tokens(self):
        assert self.read(USAGE | {"prompt_cache_hit_tokens": 8}).usage == TokenUsage(9, 4, cached=8)

    def test_a_reported_zero_is_a_zero(self):
        assert self.read({"prompt_tokens": 0, "completion_tokens": 0}).usage == TokenUsage(0, 0)

    @pytest.mark.parametrize("usage", [None, {}])
    def test_no_count_is_none(self, usage):
        assert self.read(usage).usage is None

    def test_parts_never_exceed_their_whole(self):
        usage = USAGE | {"prompt_tokens_details": {"cached_tokens": 300}}
        assert self.read(usage).usage == TokenUsage(9, 4, cached=9)

    def test_all_that_was_written_counts(self):
        message = {
            "content": "Hé",
            "refusal": "no",
            "reasoning_content": "hmm",
            "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            "audio": {"id": "a", "transcript": "la"},
        }
        assert self.read(None, message).produced_bytes == 3 + 2 + 3 + 3 + 2

    @pytest.mark.parametrize("raw", [b"", b"<html>", b"{}", b'{"error":{"message":"no"}}', b'{"choices":null}', b"[]"])
    def test_what_is_no_answer_is_broken(self, raw):
        with pytest.raises(ModelBrokenError):
            WIRE.read_answer(raw)


class TestStream:
    def follow(self, chunks, **head):
        reader = WIRE.reader(Head("m", stream=True, **head))
        sent = b"".join(reader.feed(part) for part in chunks)
        if not reader.ended:
            reader.stop()
        return reader, sent

    def test_events_go_on_as_they_came_and_done_is_kept_back(self):
        reader, sent = self.follow([*STREAM, USAGE_EVENT, DONE])
        assert sent == b"".join(STREAM)
        assert reader.ended
        assert reader.usage == TokenUsage(9, 4)
        assert reader.final() == DONE

    def test_a_client_that_asked_for_usage_gets_the_event(self):
        _, sent = self.follow([*STREAM, USAGE_EVENT, DONE], include_usage=True)
        assert sent == b"".join(STREAM) + USAGE_EVENT

    def test_an_event_without_choices_that_is_no_usage_goes_on(self):
        filters = b'data: {"choices":[],"prompt_filter_results":[],"usage":null}\n\n'
        _, sent = self.follow([filters, *STREAM, DONE])
        assert sent == filters + b"".join(STREAM)

    def test_usage_beside_the_last_choice_is_read_and_goes_on(self):
        last = chunk(finish="stop", usage=USAGE)
        reader, sent = self.follow([STREAM[0], last, DONE])
        assert sent == STREAM[0] + last
        assert reader.usage == TokenUsage(9, 4)

    def test_running_usage_the_last_counts(self):
        reader, _ = self.follow([chunk({"content": "a"}, usage=USAGE | {"completion_tokens": 1}), USAGE_EVENT, DONE])
        assert reader.usage == TokenUsage(9, 4)

    def test_a_count_in_two_parts_is_put_together(self):
        first = chunk({"content": "a"}, usage={"prompt_tokens": 9})
        reader, _ = self.follow([first, chunk(finish="stop", usage={"completion_tokens": 4}), DONE])
        assert reader.usage == TokenUsage(9, 4)

    def test_a_count_from_before_the_cut_is_no_count_of_what_came_after_it(self):
        first = chunk({"content": "a"}, usage={"prompt_tokens": 9, "completion_tokens": 0})
        reader, _ = self.follow([first, chunk({"content": "bcdefghi"})])
        assert not reader.ended
        assert reader.usage == TokenUsage(9, 3, estimated=True)

    def test_a_count_that_came_after_the_finish_reason_stands_though_the_stream_was_cut(self):
        reader = WIRE.reader(Head("m", stream=True))
        for part in (chunk({"content": "abcdefghi"}), chunk(finish="stop"), USAGE_EVENT):
            reader.feed(part)
        assert not reader.ended
        assert reader.usage == TokenUsage(9, 4)

    def test_without_usage_what_was_written_is_counted(self):
        call = {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": '{"a"'}}]}
        reader, _ = self.follow([*STREAM, chunk(call), chunk({"reasoning_content": "so"}, index=1), DONE])
        assert reader.usage is None
        assert reader.produced_bytes() == 4 + 5 + 2

    def test_of_parts_their_texts_count(self):
        parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Hé"}]
        reader, _ = self.follow([chunk({"content": parts}), chunk({"content": "!"}), DONE])
        assert reader.produced_bytes() == 2 + 3 + 1

    def test_comments_and_pings_go_on(self):
        _, sent = self.follow([b": OPENROUTER PROCESSING\n\n", b": ping\n\n" + STREAM[0], DONE])
        assert sent == b": OPENROUTER PROCESSING\n\n: ping\n\n" + STREAM[0]

    def test_a_server_without_done_is_whole_after_its_finish_reason(self):
        reader, sent = self.follow([*STREAM, USAGE_EVENT])
        assert reader.ended
        assert sent + reader.final() == b"".join(STREAM) + DONE

    def test_a_last_event_without_its_blank_line_is_not_lost(self):
        reader, sent = self.follow([*STREAM[:2], STREAM[2][:-2]])
        assert reader.ended
        assert sent + reader.final() == b"".join(STREAM) + DONE

    def test_done_without_its_blank_line_ends_the_answer(self):
        reader, _ = self.follow([*STREAM[:2], DONE[:-2]])
        assert reader.ended

    @pytest.mark.parametrize("done", [b"data:[DONE]\n\n", b"event: message\r\ndata: [DONE]\r\n\r\n"])
    def test_done_leaves_as_the_server_wrote_it(self, done):
        reader, _ = self.follow([*STREAM, done])
        assert reader.final() == done

    def test_an_empty_finish_reason_is_none(self):
        reader, _ = self.follow([chunk({"content": "a"}, finish="")])
        reader.stop()
        assert not reader.ended

    def test_a_stream_that_stops_before_its_finish_reason_has_not_ended(self):
        reader, _ = self.follow(STREAM[:2])
        assert not reader.ended

    def test_with_several_choices_each_must_have_finished(self):
        reader, _ = self.follow([chunk(finish="stop", index=0)], choices=2)
        assert not reader.ended
        reader, _ = self.follow([chunk(finish="stop", index=1), chunk(finish="length", index=0)], choices=2)
        assert reader.ended

    def test_what_comes_after_done_is_dropped(self):
        reader, sent = self.follow([STREAM[2] + DONE + STREAM[2]])
        assert sent == STREAM[2]
        assert reader.feed(STREAM[2]) == b""

    @pytest.mark.parametrize(
        "event",
        [
            b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n',
            b'data: {"object":"error","message":"CUDA"}\n\n',
            b'event: error\ndata: {"message":"gone"}\n\n',
            b'data: {"choices":[{"index":0,"delta":{"content":"a\n\n',
            b"data: <html>\n\n",
        ],
    )
    def test_an_error_or_nonsense_in_the_midst_breaks_the_answer(self, event):
        reader = WIRE.reader(Head("m"))
        reader.feed(STREAM[0])
        with pytest.raises(ModelBrokenError):
            reader.feed(event)

    def test_text_that_speaks_of_errors_is_only_text(self):
        event = chunk({"content": '"error": {"usage": {}}'})
        _, sent = self.follow([event, DONE])
        assert sent == event

    @given(st.data(), st.booleans(), st.sampled_from([b"\n", b"\r\n", b"\r"]))
    def test_wherever_the_network_cuts_the_client_gets_the_same(self, data, include_usage, line_end):
        stream = b"".join([b": ping\n\n", *STREAM, USAGE_EVENT, DONE])
        wanted = b"".join([b": ping\n\n", *STREAM, USAGE_EVENT if include_usage else b""])
        stream, wanted = stream.replace(b"\n", line_end), wanted.replace(b"\n", line_end)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
        parts = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        reader, sent = self.follow(parts, include_usage=include_usage)
        assert sent == wanted
        assert (reader.ended, reader.usage, reader.produced_bytes()) == (True, TokenUsage(9, 4), 4)


class TestErrors:
    def test_an_error_has_openais_shape(self):
        error = InvalidError("temperature: too hot", fields=(FieldError("temperature", "hot"),), next_step="Cool it.")
        assert json.loads(WIRE.error_body(error, "r"))["error"] == {
            "message": "temperature: too hot Cool it.",
            "type": "invalid_request_error",
            "param": "temperature",
            "code": "invalid",
        }

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (UnauthenticatedError(), "authentication_error"),
            (RateLimitedError(), "rate_limit_error"),
            (ModelBrokenError(), "server_error"),
        ],
    )
    def test_its_type_follows_its_status(self, error, kind):
        assert json.loads(WIRE.error_body(error, "r"))["error"]["type"] == kind

    def test_in_a_stream_it_is_one_event(self):
        event = WIRE.error_event(ModelBrokenError(), "r")
        assert event.startswith(b"data: {")
        assert json.loads(event[6:])["error"]["code"] == "model_broken"
