"""The fake upstream itself: what the official clients make of its answers, refusals and faults."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from openai import AsyncOpenAI

from tests.fakes.upstream import Fault, Script, Upstream, by_model, upstream
from tests.fakes.vendors.model import Reply, ToolCall

ASK: Any = [{"role": "user", "content": "Which way does the wind blow?"}]
WHOLE_AND_STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture
async def vendor() -> AsyncIterator[Upstream]:
    async with upstream("openai") as fake:
        yield fake


@pytest.fixture
async def other() -> AsyncIterator[Upstream]:
    async with upstream("anthropic") as fake:
        yield fake


def without_tls() -> Any:
    """Options of both SDKs; their own default spends longer on reading authorities than a test takes."""
    return {"max_retries": 0, "timeout": 30, "http_client": openai.DefaultAsyncHttpxClient(verify=False)}


@pytest.fixture
async def gpt(vendor: Upstream) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=vendor.base_url, api_key=vendor.api_key, **without_tls()) as client:
        yield client


@pytest.fixture
async def claude(other: Upstream) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=other.base_url, api_key=other.api_key, **without_tls()) as client:
        yield client


async def chat(client: AsyncOpenAI, model: str, *, stream: bool) -> tuple[str, str, Any]:
    """Return text, refusal and usage."""
    if not stream:
        answer = await client.chat.completions.create(model=model, messages=ASK)
        message = answer.choices[0].message
        return message.content or "", message.refusal or "", answer.usage
    text, refusal, usage = "", "", None
    events = await client.chat.completions.create(
        model=model, messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    async for event in events:
        usage = event.usage or usage
        for choice in event.choices:
            text += choice.delta.content or ""
            refusal += choice.delta.refusal or ""
    return text, refusal, usage


async def message(client: anthropic.AsyncAnthropic, model: str, *, stream: bool) -> anthropic.types.Message:
    if not stream:
        return await client.messages.create(model=model, messages=ASK, max_tokens=100)
    async with client.messages.stream(model=model, messages=ASK, max_tokens=100) as events:
        return await events.get_final_message()


async def respond(client: AsyncOpenAI, model: str, *, stream: bool) -> Any:
    if not stream:
        return await client.responses.create(model=model, input="Which way?")
    async with client.responses.stream(model=model, input="Which way?") as events:
        return await events.get_final_response()


@WHOLE_AND_STREAMED
async def test_every_kind_of_usage_is_reported_to_chat(gpt: AsyncOpenAI, stream: bool) -> None:
    _, _, usual = await chat(gpt, "gpt", stream=stream)
    assert (usual.prompt_tokens, usual.completion_tokens) == (1200, 34)
    _, _, kinds = await chat(gpt, "gpt+usage-kinds", stream=stream)
    assert kinds.completion_tokens_details.reasoning_tokens == 120
    assert (kinds.prompt_tokens_details.cached_tokens, kinds.prompt_tokens_details.audio_tokens) == (200, 50)
    _, _, zero = await chat(gpt, "gpt+usage-zero", stream=stream)
    assert (zero.prompt_tokens, zero.completion_tokens, zero.prompt_tokens_details.cached_tokens) == (0, 0, 0)
    text, _, absent = await chat(gpt, "gpt+usage-absent", stream=stream)
    assert absent is None
    assert text


@WHOLE_AND_STREAMED
async def test_every_kind_of_usage_is_reported_to_messages(claude: anthropic.AsyncAnthropic, stream: bool) -> None:
    kinds = (await message(claude, "claude+usage-kinds", stream=stream)).usage
    assert (kinds.input_tokens, kinds.output_tokens) == (700, 300)
    assert (kinds.cache_creation_input_tokens, kinds.cache_read_input_tokens) == (100, 200)
    zero = (await message(claude, "claude+usage-zero", stream=stream)).usage
    assert (zero.input_tokens, zero.output_tokens, zero.cache_read_input_tokens) == (0, 0, 0)


@WHOLE_AND_STREAMED
async def test_every_kind_of_usage_is_reported_to_responses(gpt: AsyncOpenAI, stream: bool) -> None:
    kinds = (await respond(gpt, "gpt+usage-kinds", stream=stream)).usage
    assert (kinds.input_tokens, kinds.output_tokens_details.reasoning_tokens) == (1000, 120)
    zero = (await respond(gpt, "gpt+usage-zero", stream=stream)).usage
    assert (zero.input_tokens, zero.output_tokens) == (0, 0)
    assert (await respond(gpt, "gpt+usage-absent", stream=stream)).usage is None


async def test_usage_may_be_given(vendor: Upstream, gpt: AsyncOpenAI) -> None:
    vendor.then(Script(usage={"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}))
    _, _, usage = await chat(gpt, "gpt", stream=True)
    assert (usage.prompt_tokens, usage.completion_tokens) == (3, 5)
    assert usage.prompt_tokens_details is None


@WHOLE_AND_STREAMED
async def test_each_vendor_declines_in_its_own_way(
    gpt: AsyncOpenAI, claude: anthropic.AsyncAnthropic, stream: bool
) -> None:
    text, refusal, _ = await chat(gpt, "gpt+refusal", stream=stream)
    assert (text, bool(refusal)) == ("", True)
    assert (await message(claude, "claude+refusal", stream=stream)).stop_reason == "refusal"
    part = (await respond(gpt, "gpt+refusal", stream=stream)).output[0].content[0]
    assert (part.type, bool(part.refusal)) == ("refusal", True)


@WHOLE_AND_STREAMED
async def test_a_reply_may_be_given(vendor: Upstream, gpt: AsyncOpenAI, stream: bool) -> None:
    vendor.then(Script(Reply("Both ways."), headers={"x-mine": "1"}), Script(Reply("Again.")))
    assert (await chat(gpt, "gpt", stream=stream))[0] == "Both ways."
    assert (await respond(gpt, "gpt", stream=stream)).output_text == "Again."
    vendor.then(Script(Reply(calls=(ToolCall("call_7", "look", '{"at": "sea"}'),), ending="tools")))
    answer = await gpt.chat.completions.create(model="gpt", messages=ASK)
    [call] = answer.choices[0].message.tool_calls or ()
    assert call.id == "call_7"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 529])
async def test_a_scripted_error_has_the_vendors_shape(
    vendor: Upstream, gpt: AsyncOpenAI, claude: anthropic.AsyncAnthropic, status: int
) -> None:
    with pytest.raises(openai.APIStatusError) as ours:
        await chat(gpt, f"fault-{status}-2", stream=True)
    assert (ours.value.status_code, ours.value.response.headers["retry-after"]) == (status, "2")
    assert ours.value.type is not None
    with pytest.raises(anthropic.APIStatusError) as theirs:
        await message(claude, f"fault-{status}", stream=True)
    assert theirs.value.status_code == status
    assert theirs.value.type is not None
    assert len(vendor.calls) == 1
    assert not vendor.refused


async def test_what_a_vendor_refuses_is_refused(vendor: Upstream, other: Upstream) -> None:
    good = {"model": "gpt", "messages": ASK}
    key = {"authorization": f"Bearer {vendor.api_key}"}
    mine = {"x-api-key": other.api_key, "anthropic-version": "2023-06-01"}
    said = {"model": "claude", "messages": ASK, "max_tokens": 9}
    lost = [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "nobody's"}]}]
    wrong: list[tuple[Upstream, str, dict[str, str], Any, int]] = [
        (vendor, "/chat/completions", {}, good, 401),
        (vendor, "/chat/completions", {"x-api-key": vendor.api_key}, good, 401),
        (vendor, "/chat/completions", key, good | {"unheard": 1}, 400),
        (vendor, "/chat/completions", key, {"model": "gpt"}, 400),
        (vendor, "/chat/completions", key, good | {"model": "nothing"}, 404),
        (vendor, "/chat/completions", key, good | {"stream_options": {"include_usage": True}}, 400),
        (vendor, "/completions", key, good, 404),
        (other, "/v1/messages", {"x-api-key": other.api_key}, said, 400),
        (other, "/v1/messages", {"anthropic-version": "2023-06-01"}, said, 401),
        (other, "/v1/messages", mine, {"model": "claude", "messages": ASK}, 400),
        (other, "/v1/messages", mine, said | {"messages": lost}, 400),
        (other, "/v1/messages", mine | {"anthropic-version": "2026-10-21"}, said | {"temperature": 1}, 400),
    ]
    async with httpx.AsyncClient(verify=False) as client:
        for fake, path, headers, body, status in wrong:
            answer = await client.post(fake.base_url + path, headers=headers, json=body)
            assert (answer.status_code, path, body) == (status, path, body)
            assert answer.json()["error"]["message"]
        answer = await client.post(
            f"{vendor.base_url}/chat/completions",
            headers=key | {"content-type": "application/json"},
            content=b'{"model": "gpt", "model": "gpt"}',
        )
        assert answer.status_code == 400
        assert (await client.get(f"{vendor.base_url}/chat/completions", headers=key)).status_code == 405
    assert not vendor.calls
    assert not other.calls
    assert len(vendor.refused) == 9


BROKEN = [
    Fault.RESET_BEFORE_HEAD,
    Fault.NOT_HTTP,
    Fault.RESET_AFTER_FIRST_EVENT,
    Fault.RESET_INSIDE_EVENT,
    Fault.CLOSED_INSIDE_BODY,
]


@WHOLE_AND_STREAMED
@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_connection_reaches_the_client(
    vendor: Upstream, gpt: AsyncOpenAI, fault: Fault, stream: bool
) -> None:
    with pytest.raises(openai.APIConnectionError):
        await chat(gpt, f"gpt+fault-{fault}", stream=stream)
    assert len(vendor.calls) == 1


@WHOLE_AND_STREAMED
async def test_malformed_json_reaches_the_client(gpt: AsyncOpenAI, stream: bool) -> None:
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
        await chat(gpt, "gpt+fault-malformed", stream=stream)


@pytest.mark.parametrize("fault", [Fault.STALL_BEFORE_HEAD, Fault.STALL_AFTER_FIRST_EVENT, Fault.ENDLESS])
@WHOLE_AND_STREAMED
async def test_what_never_ends_ends_with_its_client(
    vendor: Upstream, gpt: AsyncOpenAI, fault: Fault, stream: bool
) -> None:
    task = asyncio.create_task(chat(gpt, f"gpt+fault-{fault}", stream=stream))
    await vendor.until_calls(1)
    await asyncio.sleep(0.05)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])
    await vendor.until_open_connections(0)
    assert vendor.calls[0].cut


async def test_a_stream_may_lack_its_ending_or_end_in_an_error(
    gpt: AsyncOpenAI, claude: anthropic.AsyncAnthropic
) -> None:
    assert (await chat(gpt, "gpt+fault-no-ending", stream=True))[0]
    with pytest.raises(openai.APIError, match="had an error"):
        await chat(gpt, "gpt+fault-error-event", stream=True)
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        await message(claude, "claude+fault-error-event", stream=True)


@WHOLE_AND_STREAMED
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_a_huge_answer_is_fifty_megabytes(vendor: Upstream, other: Upstream, kind: str, stream: bool) -> None:
    fake, path = (vendor, "/chat/completions") if kind == "openai" else (other, "/v1/messages")
    headers = {"authorization": f"Bearer {fake.api_key}", "anthropic-version": "2023-06-01"}
    body = {"model": "gpt+fault-huge", "messages": ASK, "stream": stream, "max_tokens": 100}
    size = 0
    async with (
        httpx.AsyncClient(verify=False) as client,
        client.stream("POST", fake.base_url + path, headers=headers, json=body) as answer,
    ):
        async for piece in answer.aiter_raw():
            size += len(piece)
    assert size > 50 * 1024 * 1024


async def test_a_web_page_may_come_instead(gpt: AsyncOpenAI) -> None:
    answer = await gpt.chat.completions.with_raw_response.create(model="gpt+fault-html", messages=ASK)
    assert answer.headers["content-type"] == "text/html"


async def test_a_gate_holds_a_stream_and_a_pace_sets_its_events(vendor: Upstream, gpt: AsyncOpenAI) -> None:
    events = await gpt.chat.completions.create(model="words-40+gated", messages=ASK, stream=True)
    arrived = [await anext(events)]
    assert len(vendor.calls[0].sent) < 500
    vendor.open()
    arrived += [event async for event in events]
    assert sum(bool(event.choices[0].delta.content) for event in arrived) == 40
    assert (await chat(gpt, "paced-5-1", stream=True))[0].split() == list("01234")


async def test_a_flaky_model_fails_every_other_time(gpt: AsyncOpenAI) -> None:
    for _ in range(2):
        with pytest.raises(openai.RateLimitError):
            await chat(gpt, "gpt+flaky+fault-429", stream=False)
        assert (await chat(gpt, "gpt+flaky+fault-429", stream=False))[0]


async def test_connections_are_counted_and_refused(vendor: Upstream, gpt: AsyncOpenAI) -> None:
    await asyncio.gather(*[chat(gpt, "gpt", stream=True) for _ in range(3)])
    assert 1 <= vendor.open_connections <= vendor.accepted_connections <= 3
    await vendor.refuse_connections()
    assert vendor.open_connections == 0
    with pytest.raises(openai.APIConnectionError):
        await chat(gpt, "gpt", stream=False)
    await vendor.listen()
    assert (await chat(gpt, "gpt", stream=False))[0]


@pytest.mark.parametrize(
    "name", ["", "nothing", "fault-200", "fault-unheard", "paced-", "usage-half", "gpt+nothing", "+"]
)
def test_a_name_that_says_nothing_is_no_model(name: str) -> None:
    assert by_model(name) is None


def test_it_runs_as_a_process_of_its_own() -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tests.fakes.upstream", "--kind", "openai", "--port", "0"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert httpx.get(f"{url}/models").status_code == 401
            state = httpx.post(url.replace("/v1", "/fake/gates/mine")).json()
            assert state == {"calls": 0, "cut": 0, "refused": 1, "accepted_connections": 2, "open_connections": 0}
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
