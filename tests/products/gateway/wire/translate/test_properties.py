"""What holds for every conversation: there and back nothing is lost, and a stream says what the whole answer says."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchbay.lib.errors import BadRequestError, InvalidError
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Asked, Target, TokenUsage
from patchbay.products.gateway.wire.sse import DONE_EVENT, write_data, write_event
from patchbay.products.gateway.wire.table import WIRES, find_translation, translate_body
from tests.products.gateway.wire.folding import fold_chat, fold_messages, fold_responses, without_nulls

_, TO_MESSAGES = find_translation("chat", frozenset({"messages"}))
_, TO_CHAT = find_translation("messages", frozenset({"chat"}))
_, FROM_RESPONSES = find_translation("responses", frozenset({"chat"}))
_, THROUGH = find_translation("responses", frozenset({"messages"}))
PAIRS = [
    ("chat", "messages", TO_MESSAGES),
    ("messages", "chat", TO_CHAT),
    ("responses", "chat", FROM_RESPONSES),
    ("responses", "messages", THROUGH),
]

texts = st.text('a é\n\r"\\{}😀\u2028<', min_size=1, max_size=8)
names = st.text("ab_", min_size=1, max_size=6)
arguments = st.dictionaries(names, st.one_of(texts, st.integers(-99, 99), st.booleans(), st.none()), max_size=3)
pictures = st.sampled_from(["https://example.org/a.png", "data:image/png;base64,iVBORw0="])
counts = st.integers(0, 5000)


@st.composite
def user_messages(draw):
    if draw(st.booleans()):
        return [{"role": "user", "content": draw(texts)}]
    parts = [{"type": "text", "text": text} for text in draw(st.lists(texts, min_size=1, max_size=2))]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in draw(st.lists(pictures, max_size=2))]
    return [{"role": "user", "content": parts if len(parts) > 1 else parts[0]["text"]}]


@st.composite
def assistant_turns(draw, number):
    """An assistant's message and, where it calls tools, their results in the same order."""
    calls = [
        {
            "id": f"call_{number}_{index}",
            "type": "function",
            "function": {"name": draw(names), "arguments": json.dumps(given_, separators=(",", ":"))},
        }
        for index, given_ in enumerate(draw(st.lists(arguments, max_size=3)))
    ]
    message = {"role": "assistant", "content": draw(texts) if not calls or draw(st.booleans()) else None}
    if calls:
        message["tool_calls"] = calls
    return [message, *({"role": "tool", "tool_call_id": call["id"], "content": draw(texts)} for call in calls)]


@st.composite
def conversations(draw):
    messages = [{"role": "system", "content": draw(texts)}] if draw(st.booleans()) else []
    for number in range(draw(st.integers(0, 3))):
        messages += draw(user_messages())
        messages += draw(assistant_turns(number))
    return messages + draw(user_messages())


def readable(messages):
    """Return messages with their arguments as objects: a translation may write the same JSON in another way."""
    shown = json.loads(json.dumps(messages))
    for message in shown:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return shown


class TestRequests:
    @settings(max_examples=50, deadline=None)
    @given(conversations())
    def test_a_chat_asked_through_messages_and_back_is_the_same(self, messages):
        there = TO_MESSAGES.request({"model": "m", "messages": messages, "max_completion_tokens": 50})
        back = TO_CHAT.request(there)
        assert back["max_completion_tokens"] == 50
        assert readable(back["messages"]) == readable(messages)

    @settings(max_examples=50, deadline=None)
    @given(conversations())
    def test_the_turns_of_anthropic_alternate_and_every_call_has_its_result(self, messages):
        turns = TO_MESSAGES.request({"model": "m", "messages": messages})["messages"]
        assert [turn["role"] for turn in turns] == [("user", "assistant")[index % 2] for index in range(len(turns))]
        for turn, following in itertools.pairwise(turns):
            used = [
                block["id"] for block in turn["content"] if not isinstance(block, str) and block["type"] == "tool_use"
            ]
            results = [
                block["tool_use_id"]
                for block in following["content"]
                if not isinstance(block, str) and block["type"] == "tool_result"
            ]
            assert used == results

    @settings(max_examples=50, deadline=None)
    @given(conversations(), st.booleans(), st.integers(1, 3000))
    def test_what_is_translated_is_a_request_of_its_format_and_keeps_its_limit(self, messages, stream, limit):
        raw = json.dumps(
            {"model": "alias", "messages": messages, "stream": stream, "reasoning_effort": "high"}
        ).encode()
        head = WIRES["chat"].read(raw)
        sent, spoken = translate_body(
            raw, head, Target("up", limit), asked="chat", spoken="messages", translation=TO_MESSAGES
        )
        asked = json.loads(sent)
        assert (asked["model"], asked["max_tokens"], spoken.stream, spoken.images) == ("up", limit, stream, head.images)
        assert asked.get("thinking", {}).get("budget_tokens", 0) < limit


@st.composite
def completions(draw):
    """A chat completion as a provider gives it, and the pieces in which a stream brings it."""
    thought = draw(st.lists(texts, max_size=2))
    said = draw(st.lists(texts, max_size=3))
    calls = [
        (f"call_{index}", draw(names), json.dumps(given_))
        for index, given_ in enumerate(draw(st.lists(arguments, max_size=2)))
    ]
    prompt, completion = draw(counts), draw(counts)
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": prompt // 3, "cache_write_tokens": prompt // 4, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": completion // 2, "audio_tokens": 0},
    }
    finish = "tool_calls" if calls else draw(st.sampled_from(["stop", "length"]))
    message = {"role": "assistant", "content": "".join(said) or None, "refusal": None}
    if thought:
        message["reasoning_content"] = "".join(thought)
    if calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": given_}}
            for call_id, name, given_ in calls
        ]
    whole = {
        "id": "up",
        "object": "chat.completion",
        "created": 1,
        "model": "up",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": usage,
    }
    deltas = [{"role": "assistant", "content": ""}, *({"reasoning_content": text} for text in thought)]
    deltas += [{"content": text} for text in said]
    for index, (call_id, name, given_) in enumerate(calls):
        deltas.append(_call(index, id=call_id, type="function", function={"name": name, "arguments": ""}))
        cut = draw(st.integers(0, len(given_)))
        deltas += [_call(index, function={"arguments": part}) for part in (given_[:cut], given_[cut:])]
    chunks = [_chunk([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    chunks += [_chunk([{"index": 0, "delta": {}, "finish_reason": finish}]), _chunk([], usage=usage), DONE_EVENT]
    return whole, b"".join(chunks)


def _call(index, **fields):
    return {"tool_calls": [{"index": index, **fields}]}


def _chunk(choices, **fields):
    return write_data(
        {"id": "up", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": choices, **fields}
    )


def follow(translation, spoken, stream, cuts, asked, request=b""):
    """Bring a provider's stream, cut by the network, to the client as the engine does."""
    raw = {"chat": {"stream_options": {"include_usage": True}}, "messages": {"max_tokens": 1}}[spoken]
    head = WIRES[spoken].read(
        json.dumps({"model": "m", "messages": [{"role": "user", "content": "?"}], **raw}).encode()
    )
    reader, events = WIRES[spoken].reader(head), translation.events(asked)
    places = sorted(cut % (len(stream) + 1) for cut in cuts)
    parts = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    said = b"".join(events.feed(reader.feed(part)) for part in parts)
    assert reader.ended
    return said + events.final(reader.final(), reader.usage), reader.usage


ASKED = Asked("fast", "resp_1", 1_700_000_000, include_usage=True, request={"model": "fast", "input": "?"})
cut_places = st.lists(st.integers(0, 100_000), max_size=5)


class TestAnswers:
    @settings(max_examples=40, deadline=None)
    @given(completions(), cut_places)
    def test_a_chat_stream_told_as_messages(self, completion, cuts):
        whole, stream = completion
        said, usage = follow(TO_CHAT, "chat", stream, cuts, ASKED)
        message = TO_CHAT.answer(whole, ASKED, usage)
        assert fold_messages(said) == message
        assert WIRES["messages"].read_answer(json.dumps(message).encode()).usage == usage

    @settings(max_examples=40, deadline=None)
    @given(completions(), cut_places)
    def test_a_chat_stream_told_as_a_response(self, completion, cuts):
        whole, stream = completion
        said, usage = follow(FROM_RESPONSES, "chat", stream, cuts, ASKED)
        response = FROM_RESPONSES.answer(whole, ASKED, usage)
        assert fold_responses(said) == response
        assert WIRES["responses"].read_answer(json.dumps(response).encode()).usage == usage

    @settings(max_examples=40, deadline=None)
    @given(completions(), cut_places)
    def test_there_and_back_a_chat_stream_is_the_whole_answer(self, completion, cuts):
        """The chat of a provider, told as messages, and that told as a chat again."""
        whole, stream = completion
        messages, usage = follow(TO_CHAT, "chat", stream, [], ASKED)
        said, usage_back = follow(TO_MESSAGES, "messages", messages, cuts, ASKED)
        back = TO_MESSAGES.answer(TO_CHAT.answer(whole, ASKED, usage), ASKED, usage)
        folded = fold_chat(said)
        assert _message(folded) == _message(back)
        assert usage_back == usage
        assert folded["usage"] == without_nulls(whole["usage"])
        kept = _message(whole)
        assert _message(folded) == kept | _thoughts(kept)


def _message(answer):
    return readable([without_nulls(answer["choices"][0]["message"])])[0]


def _thoughts(message):
    if "reasoning_content" not in message:
        return {}
    return {"thinking_blocks": [{"type": "thinking", "thinking": message["reasoning_content"]}]}


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "text", "user", "auto", "function"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "role", "content", "text", "function", "name", "id", "source", "image_url"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)
FIELDS = [
    "messages",
    "input",
    "system",
    "instructions",
    "tools",
    "tool_choice",
    "response_format",
    "text",
    "reasoning",
    "thinking",
    "output_config",
    "metadata",
    "stop",
    "include",
    "temperature",
    "top_p",
    "reasoning_effort",
    "include",
]


class TestNonsense:
    @pytest.mark.parametrize(("asked", "spoken", "translation"), PAIRS)
    @settings(max_examples=60, deadline=None)
    @given(fields=st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3))
    def test_any_request_is_translated_or_refused(self, asked, spoken, translation, fields):
        known = {"model": "m", "max_tokens": 9} if asked != "responses" else {"model": "m"}
        known |= {"input": "Hi"} if asked == "responses" else {"messages": [{"role": "user", "content": "Hi"}]}
        raw = json.dumps(known | fields).encode()
        try:
            head = WIRES[asked].read(raw)
            translate_body(raw, head, Target("up", 9), asked=asked, spoken=spoken, translation=translation)
        except (InvalidError, BadRequestError):
            pass

    @pytest.mark.parametrize(("asked", "spoken", "translation"), PAIRS)
    @settings(max_examples=60, deadline=None)
    @given(content=json_values)
    def test_any_answer_is_translated_or_broken(self, asked, spoken, translation, content):
        for body in ({"choices": content, "content": content}, {"choices": [{"message": content}]}):
            try:
                translation.answer(body, ASKED, TokenUsage(1, 1))
            except ModelBrokenError:
                continue

    @pytest.mark.parametrize(("asked", "spoken", "translation"), PAIRS)
    @settings(max_examples=60, deadline=None)
    @given(content=json_values)
    def test_any_event_is_translated_or_broken(self, asked, spoken, translation, content):
        for kind in ("message_start", "content_block_start", "content_block_delta", "message_delta"):
            body = {"type": kind, "message": content, "content_block": content, "delta": content, "choices": content}
            events = translation.events(ASKED)
            try:
                events.feed(write_event(kind, body))
                events.feed(write_data({"choices": [{"delta": content}]}))
            except ModelBrokenError:
                continue
