"""What only Patchbay has, by the official clients: its own models, its list of models, how it says who served."""

import asyncio
from typing import Any

import anthropic
import openai
import pytest

from tests.clients.models.conftest import Served
from tests.clients.models.route import SECONDS, Route
from tests.clients.models.scenarios import QUESTION
from tests.clients.models.vendors import MODELS, Vendors

ASKED: Any = [{"role": "user", "content": QUESTION}]
LATE: Any = [{"role": "user", "content": "What is the interest rate on late payment?"}]


def test_a_plug_is_a_model(through: Route) -> None:
    answer = through.openai.chat.completions.create(model="plug/legal-v1", messages=LATE)
    assert answer.model == "plug/legal-v1"
    assert answer.choices[0].finish_reason == "stop"
    assert "%" in (answer.choices[0].message.content or "")
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


def test_a_plugs_answer_says_what_it_cost_and_is_made_anew_each_time(through: Route) -> None:
    kept = {"x-patchbay-cache": "60"}
    for _ in range(2):
        raw = through.openai.chat.completions.with_raw_response.create(
            model="plug/legal-v1", messages=LATE, extra_headers=kept
        )
        assert float(raw.headers["x-patchbay-credits"]) > 0
        assert raw.headers["x-patchbay-provider"] == "plug"


def test_a_plug_keeps_to_the_clients_limit_in_whole_quotes(through: Route) -> None:
    whole = through.openai.chat.completions.create(model="plug/legal-v1", messages=LATE)
    short = through.openai.chat.completions.create(model="plug/legal-v1", messages=LATE, max_tokens=110)
    assert whole.usage is not None
    assert short.usage is not None
    assert short.usage.completion_tokens <= 110 < whole.usage.completion_tokens
    assert short.choices[0].finish_reason == "length"
    first_quote = (short.choices[0].message.content or "").partition("”")[0]
    assert first_quote in (whole.choices[0].message.content or "")
    message = through.anthropic.messages.create(model="plug/legal-v1", max_tokens=110, messages=LATE)
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", short.usage.completion_tokens)


def test_what_a_plug_cannot_do_is_refused(through: Route) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        through.openai.chat.completions.create(model="plug/legal-v1", messages=LATE, n=2)
    assert (refused.value.param, refused.value.code) == ("n", "unsupported_parameter")


def test_a_plug_streams(through: Route) -> None:
    options: Any = {"include_usage": True}
    chunks = list(
        through.openai.chat.completions.create(
            model="plug/legal-v1", messages=LATE, stream=True, stream_options=options
        )
    )
    assert "%" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage is not None


def test_a_plug_answers_anthropics_client_and_the_responses_door_too(through: Route) -> None:
    message = through.anthropic.messages.create(model="plug/legal-v1", max_tokens=900, messages=LATE)
    assert "%" in message.content[0].text  # type: ignore[union-attr]
    assert "%" in through.openai.responses.create(model="plug/legal-v1", input=LATE[0]["content"]).output_text


def test_the_offline_model_needs_no_provider(through: Route, vendors: Vendors) -> None:
    before = len(vendors.calls)
    told: Any = [{"role": "user", "content": "The quay closes at 22:00.\n\nWhen does the quay close?"}]
    answer = through.openai.chat.completions.create(model="patchbay/offline", messages=told)
    assert answer.choices[0].message.content
    with through.anthropic.messages.stream(model="patchbay/offline", max_tokens=500, messages=told) as stream:
        assert stream.get_final_message().stop_reason == "end_turn"
    assert len(vendors.calls) == before


def test_one_list_of_models_in_both_shapes(through: Route) -> None:
    expected = {*MODELS["openai"], *MODELS["anthropic"], "patchbay/offline", "plug/legal-v1"}
    by_openai = list(through.openai.models.list())
    by_anthropic = list(through.anthropic.models.list())
    assert expected <= {model.id for model in by_openai} == {model.id for model in by_anthropic}
    assert {model.object for model in by_openai} == {"model"}
    assert {model.type for model in by_anthropic} == {"model"}
    assert through.openai.models.retrieve("plug/legal-v1").id == "plug/legal-v1"
    assert through.anthropic.models.retrieve("claude").id == "claude"
    with pytest.raises(openai.NotFoundError):
        through.openai.models.retrieve("no-such-model")
    with pytest.raises(anthropic.NotFoundError):
        through.anthropic.models.retrieve("no-such-model")


def test_both_ways_to_authenticate_at_anthropics_door(served: Served, through: Route) -> None:
    key = served.keys["full"]
    by_token = anthropic.Anthropic(base_url=served.origin, auth_token=key, max_retries=0, timeout=SECONDS)
    older = {"x-api-key": key, "authorization": anthropic.Omit()}
    options: Any = {"model": "claude", "max_tokens": 500, "messages": ASKED}
    with by_token:
        token_said = by_token.messages.create(**options).content
    assert token_said == through.anthropic.messages.create(**options, extra_headers=older).content
    assert token_said == through.anthropic.messages.create(**options).content


def test_the_callers_version_and_betas_reach_anthropic_but_not_its_key(
    served: Served, through: Route, vendors: Vendors
) -> None:
    betas = {"anthropic-beta": "one-2026-01-01,two-2026-02-02"}
    through.anthropic.messages.create(model="claude", max_tokens=500, messages=ASKED, extra_headers=betas)
    headers = vendors.last("messages").headers
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["anthropic-beta"] == betas["anthropic-beta"]
    assert served.keys["full"] not in str(headers)


def test_the_version_that_is_translated_to_has_sampling(through: Route, vendors: Vendors) -> None:
    through.openai.chat.completions.create(model="claude", messages=ASKED, temperature=0.5)
    assert vendors.last("messages").headers["anthropic-version"] == "2023-06-01"
    assert vendors.last("messages").body["temperature"] == 0.5


def test_the_answer_says_who_served_it_and_what_it_cost(through: Route) -> None:
    raw = through.openai.chat.completions.with_raw_response.create(model="claude", messages=ASKED)
    assert raw.headers["x-patchbay-provider"] == "anthropic"
    assert raw.headers["x-patchbay-model"] == "claude"
    assert raw.headers["x-patchbay-tries"] == "1"
    assert float(raw.headers["x-patchbay-credits"]) > 0
    assert raw.request_id
    message = through.anthropic.messages.with_raw_response.create(model="claude", max_tokens=500, messages=ASKED)
    assert message.request_id
    assert "x-ratelimit-remaining-requests" in raw.headers


async def test_asynchronous_clients(served: Served) -> None:
    """Thirty calls at once, whole and streamed, by both clients over their own pools."""
    key = served.keys["full"]
    async with (
        openai.AsyncOpenAI(base_url=f"{served.origin}/v1", api_key=key, max_retries=0, timeout=SECONDS) as by_openai,
        anthropic.AsyncAnthropic(base_url=served.origin, api_key=key, max_retries=0, timeout=SECONDS) as by_anthropic,
    ):

        async def chat(number: int) -> bool:
            said: Any = [{"role": "user", "content": f"number {number}."}]
            answer = await by_openai.chat.completions.create(model="gpt", messages=said)
            return f"number {number}." in (answer.choices[0].message.content or "")

        async def streamed(number: int) -> bool:
            said: Any = [{"role": "user", "content": f"number {number}."}]
            stream = await by_openai.chat.completions.create(model="claude", messages=said, stream=True)
            return f"number {number}." in "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        async def message(number: int) -> bool:
            said: Any = [{"role": "user", "content": f"number {number}."}]
            async with by_anthropic.messages.stream(model="claude", max_tokens=500, messages=said) as stream:
                return f"number {number}." in await stream.get_final_text()

        calls = [ask(number) for ask in (chat, streamed, message) for number in range(10)]
        assert await asyncio.gather(*calls) == [True] * 30


async def test_a_cancelled_asynchronous_stream_leaves_the_client_usable(served: Served, vendors: Vendors) -> None:
    key = served.keys["full"]
    async with openai.AsyncOpenAI(
        base_url=f"{served.origin}/v1", api_key=key, max_retries=0, timeout=SECONDS
    ) as client:
        said: Any = [{"role": "user", "content": "cancelled midway"}]
        stream = await client.chat.completions.create(model="gpt-gated", messages=said, stream=True)
        await anext(aiter(stream))
        waiting = asyncio.ensure_future(anext(aiter(stream)))
        await asyncio.sleep(0)
        waiting.cancel()
        await stream.close()
        vendors.open_gate("cancelled midway")
        assert (await client.chat.completions.create(model="gpt", messages=ASKED)).choices
