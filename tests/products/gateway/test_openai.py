"""The OpenAI provider against a strict server on real sockets."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.lib.errors import AppError
from patchbay.products.gateway import errors
from patchbay.products.gateway.engine.contracts import ChatRequest, Delta, Finish, Message, TokenUsage
from patchbay.products.gateway.engine.http import HttpClient
from patchbay.products.gateway.providers.openai import wire
from patchbay.products.gateway.providers.openai.provider import OpenAIProvider
from tests.fakes.openai_server import API_KEY, FakeOpenAI, Script, fake_openai

REQUEST = ChatRequest(
    model="fake-model",
    messages=(Message("system", "Be brief."), Message("user", "Wie heißt du?")),
    max_output_tokens=50,
)


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with fake_openai() as fake:
        yield fake


@pytest.fixture
async def provider(server: FakeOpenAI) -> AsyncIterator[OpenAIProvider]:
    made = OpenAIProvider(base_url=server.base_url, api_key=API_KEY, client=HttpClient(read_seconds=0.3))
    yield made
    await made.close()


async def collect(provider: OpenAIProvider, request: ChatRequest = REQUEST) -> list[Delta | Finish]:
    return [event async for event in provider.stream(request)]


async def test_streams_the_text_then_the_providers_own_count(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    events = await collect(provider)
    assert events == [
        Delta("Hello"),
        Delta(" world"),
        Delta("."),
        Finish("stop", TokenUsage(prompt=1200, completion=34)),
    ]


async def test_the_output_limit_is_written_into_the_upstream_body(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    await collect(provider)
    [call] = server.calls
    assert call["max_tokens"] == 50
    assert call["messages"][1] == {"role": "user", "content": "Wie heißt du?"}
    assert "temperature" not in call


async def test_cached_tokens_are_read_and_never_exceed_the_prompt(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    details = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 80}}
    server.then(Script(usage=details))
    assert (await collect(provider))[-1] == Finish("stop", TokenUsage(100, 5, cached=80))
    server.then(Script(usage=details | {"prompt_tokens_details": {"cached_tokens": 800}}))
    assert (await collect(provider))[-1] == Finish("stop", TokenUsage(100, 5, cached=100))


async def test_a_reported_zero_is_a_zero_and_a_missing_count_is_none(
    server: FakeOpenAI, provider: OpenAIProvider
) -> None:
    server.then(Script(usage={"prompt_tokens": 0, "completion_tokens": 0}))
    assert (await collect(provider))[-1] == Finish("stop", TokenUsage(0, 0))
    server.then(Script(usage=None))
    assert (await collect(provider))[-1] == Finish("stop", None)


@pytest.mark.parametrize(
    ("script", "expected", "retry_after"),
    [
        (Script(status=429, headers={"retry-after": "7"}), errors.ModelBusyError, 7),
        (Script(status=429), errors.ModelBusyError, 5),
        (Script(status=429, headers={"retry-after": "Thu, 01 Jan 2015 00:00:00 GMT"}), errors.ModelBusyError, 1),
        (Script(status=500), errors.ModelUnavailableError, 2),
        (Script(status=503, headers={"retry-after": "99999999"}), errors.ModelUnavailableError, 3600),
        (Script(status=400), errors.ModelRefusedError, None),
        (Script(status=302, headers={"location": "http://127.0.0.1:1/"}), errors.ModelRefusedError, None),
        (Script(reset_before_head=True), errors.ModelUnavailableError, 2),
        (Script(reset_after_pieces=1), errors.ModelUnavailableError, 2),
        (Script(stall_after_pieces=1), errors.ModelTimeoutError, None),
        (Script(finish_reason=None), errors.ModelBrokenError, 1),
        (Script(raw_event='{"choices": [{"delta"'), errors.ModelBrokenError, None),
        (Script(raw_event='{"choices": "no list"}'), errors.ModelBrokenError, None),
        (Script(raw_event='{"error": {"message": "overloaded"}}'), errors.ModelBrokenError, None),
        (Script(content_type="application/json"), errors.ModelBrokenError, None),
    ],
)
async def test_each_failure_has_its_error(
    server: FakeOpenAI, provider: OpenAIProvider, script: Script, expected: type[AppError], retry_after: float | None
) -> None:
    server.then(script)
    with pytest.raises(expected) as caught:
        await collect(provider)
    assert type(caught.value) is expected
    assert caught.value.retry_after == retry_after
    assert API_KEY not in caught.value.message


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    provider = OpenAIProvider(base_url="http://127.0.0.1:9/v1", api_key="")
    with pytest.raises(errors.ModelUnavailableError):
        await collect(provider)
    await provider.close()


async def test_a_wrong_key_is_refused_without_naming_it(server: FakeOpenAI) -> None:
    provider = OpenAIProvider(base_url=server.base_url, api_key="sk-wrong-key-0000000")
    with pytest.raises(errors.ModelRefusedError) as caught:
        await collect(provider)
    assert "sk-wrong" not in str(caught.value)
    await provider.close()


async def test_an_answer_without_end_is_cut(
    server: FakeOpenAI, provider: OpenAIProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patchbay.products.gateway.providers.openai.provider.MAX_ANSWER_BYTES", 10_000)
    server.then(Script(pieces=("x" * 1000,) * 50))
    with pytest.raises(errors.ModelBrokenError, match="no end"):
        await collect(provider)


async def test_closing_the_stream_closes_the_upstream(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    server.then(Script(pieces=("x" * 1000,) * 100_000))
    stream = provider.stream(REQUEST)
    await anext(stream)
    await stream.aclose()
    await server.closed_early.wait()


def test_the_prompt_bound_covers_the_bytes_of_every_message() -> None:
    provider = OpenAIProvider(base_url="http://127.0.0.1:9/v1", api_key="")
    assert provider.prompt_bound(REQUEST) == len(b"Be brief." + "Wie heißt du?".encode()) + 8 * 3


def test_openai_itself_is_given_the_limit_under_its_newer_name() -> None:
    assert OpenAIProvider(base_url="https://api.openai.com/v1", api_key="")._limit_field == "max_completion_tokens"
    assert OpenAIProvider(base_url="https://api.openai.com.evil/v1", api_key="")._limit_field == "max_tokens"


@given(st.lists(st.binary(max_size=30).map(lambda data: data.hex().encode()), max_size=8), st.data())
def test_events_are_the_same_however_the_network_cuts_them(payloads: list[bytes], data: st.DataObject) -> None:
    separator = data.draw(st.sampled_from([b"\n", b"\r\n"]))
    wire_bytes = b"".join(b": ping" + separator + b"data: " + p + separator * 2 for p in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire_bytes)), max_size=6)))
    pieces = [wire_bytes[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire_bytes)], strict=True)]
    reader = wire.EventReader()
    assert [event for piece in pieces for event in reader.feed(piece)] == [p for p in payloads if p]


def test_an_event_of_unbounded_size_is_refused() -> None:
    reader = wire.EventReader()
    half = b"x" * (wire.MAX_EVENT_BYTES // 2 + 1)
    assert list(reader.feed(half)) == []
    with pytest.raises(errors.ModelBrokenError):
        list(reader.feed(half))
