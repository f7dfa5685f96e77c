"""A stream through Patchbay is the vendor's own, byte for byte, and each event leaves as it comes."""

import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.clients.models.conftest import Served
from tests.clients.models.scenarios import QUESTION, WEATHER
from tests.clients.models.vendors import Vendors

SECONDS = 30.0
COUNTED = {"include_usage": True}
CHAT: dict[str, Any] = {"model": "gpt", "messages": [{"role": "user", "content": QUESTION}]}
CHAT_TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
MESSAGE: dict[str, Any] = {"model": "claude", "max_tokens": 900, "messages": [{"role": "user", "content": QUESTION}]}
TOOLS = [{"name": "weather", "input_schema": WEATHER}]
RESPONSE: dict[str, Any] = {"model": "gpt", "input": QUESTION}
EMBEDDING: dict[str, Any] = {"model": "embed", "input": [QUESTION], "encoding_format": "base64"}

STREAMS = [
    pytest.param("chat/completions", CHAT | {"stream_options": COUNTED}, id="chat"),
    pytest.param("chat/completions", CHAT | {"stream_options": COUNTED, "tools": CHAT_TOOLS}, id="chat-tools"),
    pytest.param("chat/completions", CHAT | {"stream_options": COUNTED, "n": 3, "logprobs": True}, id="chat-choices"),
    pytest.param("messages", MESSAGE, id="messages"),
    pytest.param("messages", MESSAGE | {"tools": TOOLS, "thinking": {"type": "adaptive"}}, id="messages-thinking"),
    pytest.param("responses", RESPONSE, id="responses"),
]
WHOLES = [
    pytest.param("chat/completions", CHAT | {"n": 2, "logprobs": True}, id="chat"),
    pytest.param("messages", MESSAGE | {"tools": TOOLS}, id="messages"),
    pytest.param("responses", RESPONSE, id="responses"),
    pytest.param("embeddings", EMBEDDING, id="embeddings"),
]


@pytest.fixture(scope="module")
def http(served: Served) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {served.keys['full']}", "anthropic-version": "2026-10-21"}
    with httpx.Client(base_url=f"{served.origin}/v1/", headers=headers, timeout=SECONDS, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(("operation", "body"), STREAMS)
def test_a_stream_is_the_vendors_own(operation: str, body: Any, http: httpx.Client, vendors: Vendors) -> None:
    answer = http.post(operation, json=body | {"stream": True})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.content == bytes(vendors.last(operation).sent)


@pytest.mark.parametrize(("operation", "body"), WHOLES)
def test_a_whole_answer_is_the_vendors_own(operation: str, body: Any, http: httpx.Client, vendors: Vendors) -> None:
    answer = http.post(operation, json=body)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == bytes(vendors.last(operation).sent)


def test_only_the_usage_that_nobody_asked_for_is_left_out(http: httpx.Client, vendors: Vendors) -> None:
    answer = http.post("chat/completions", json=CHAT | {"stream": True})
    sent = bytes(vendors.last("chat/completions").sent).split(b"\n\n")
    [counted] = [event for event in sent if b'"choices":  []' in event]
    assert answer.content == b"\n\n".join(event for event in sent if event != counted)


@pytest.mark.parametrize(("operation", "body"), STREAMS)
def test_fields_nobody_knows_of_arrive_as_they_were_sent(
    operation: str, body: Any, http: httpx.Client, vendors: Vendors
) -> None:
    """All that was asked reaches the vendor, unchanged but for what Patchbay must set: the limit and the count."""
    http.post(operation, json=body | {"stream": True, "metadata": {"user_id": "ü–17"}})
    arrived = vendors.last(operation).body
    ours = {"max_completion_tokens", "max_output_tokens", "max_tokens", "model", "stream"}
    assert {name: value for name, value in arrived.items() if name not in ours} == {
        name: value for name, value in body.items() if name not in ours
    } | {"metadata": {"user_id": "ü–17"}}


ENDINGS = {"chat/completions": b"[DONE]", "responses": b"response.completed", "messages": b"message_stop"}
GATED = [
    pytest.param("chat/completions", "messages", "gpt-gated", id="chat"),
    pytest.param("responses", "input", "gpt-gated", id="responses"),
    pytest.param("messages", "messages", "claude-gated", id="messages"),
    pytest.param("chat/completions", "messages", "claude-gated", id="chat-by-anthropic"),
    pytest.param("responses", "input", "claude-gated", id="responses-by-anthropic"),
    pytest.param("messages", "messages", "gpt-gated", id="messages-by-openai"),
]


@pytest.mark.parametrize(("operation", "field", "model"), GATED)
def test_the_first_event_comes_while_the_vendor_still_holds_the_second(
    operation: str, field: str, model: str, http: httpx.Client, vendors: Vendors
) -> None:
    words = f"first of {operation} by {model}"
    body = {"model": model, field: [{"role": "user", "content": words}], "stream": True}
    if operation == "messages":
        body["max_tokens"] = 900
    with http.stream("POST", operation, json=body) as answer:
        pieces = answer.iter_bytes()
        assert b"data: " in next(pieces)
        vendors.open_gate(words)
        rest = b"".join(pieces)
    assert rest.endswith(b"\n\n")
    assert ENDINGS[operation] in rest.rstrip().rpartition(b"\n\n")[2]


def test_a_client_that_leaves_midway_disturbs_nobody(http: httpx.Client, vendors: Vendors) -> None:
    """Twenty leave after the first event; the vendor goes on; others are served meanwhile and after."""
    for number in range(20):
        words = f"leaves {number}"
        body = CHAT | {"model": "gpt-gated", "messages": [{"role": "user", "content": words}], "stream": True}
        with http.stream("POST", "chat/completions", json=body) as answer:
            next(answer.iter_bytes())
        assert http.post("chat/completions", json=CHAT).status_code == 200
        vendors.open_gate(words)
    assert http.post("chat/completions", json=CHAT).status_code == 200


def test_forty_streams_at_once_do_not_mix(served: Served, http: httpx.Client) -> None:
    said: dict[int, str] = {}

    def ask(number: int) -> None:
        body = CHAT | {"messages": [{"role": "user", "content": f"number {number}."}], "stream": True}
        events = http.post("chat/completions", json=body).text.split("\n\n")
        chunks = [json.loads(event[6:]) for event in events if event.startswith("data: {")]
        said[number] = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert [f"number {number}." in said[number] for number in range(40)] == [True] * 40


def test_patchbays_own_host_stands_in_no_header_of_the_vendors_call(
    served: Served, http: httpx.Client, vendors: Vendors
) -> None:
    """What a client sends of itself is not the provider's business: its key, its client's version, its host."""
    http.post("chat/completions", json=CHAT, headers={"x-stainless-lang": "python", "cookie": "a=b"})
    headers = vendors.last("chat/completions").headers
    assert headers["host"] == urlsplit(vendors.origin).netloc
    assert not {"cookie", "x-stainless-lang", "x-api-key", "anthropic-version"} & set(headers)
    assert served.keys["full"] not in str(headers)
