"""What Patchbay refuses arrives as the official clients' own exceptions, with the vendor's words where it has any."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.clients.models.conftest import Served
from tests.clients.models.route import SECONDS, Route
from tests.clients.models.scenarios.anthropic_messages import ASKED as MESSAGES
from tests.clients.models.scenarios.openai_chat import ASKED as CHAT
from tests.clients.models.vendors import Vendors


def ask_chat(client: openai.OpenAI, model: str = "gpt", **options: Any) -> Any:
    return client.chat.completions.create(model=model, messages=CHAT, **options)


def ask_response(client: openai.OpenAI, model: str = "gpt", **options: Any) -> Any:
    return client.responses.create(model=model, input="Tide?", **options)


def ask_embedding(client: openai.OpenAI, model: str = "embed", **options: Any) -> Any:
    return client.embeddings.create(model=model, input="Tide?", **options)


def ask_message(client: anthropic.Anthropic, model: str = "claude", **options: Any) -> Any:
    return client.messages.create(model=model, max_tokens=500, messages=MESSAGES, **options)


OPENAI_DOORS = [ask_chat, ask_response, ask_embedding]
Ask = Callable[..., Any]


@contextmanager
def clients(served: Served, key: str) -> Iterator[tuple[openai.OpenAI, anthropic.Anthropic]]:
    with Route.to_patchbay(served.origin, key) as route:
        yield route.openai, route.anthropic


@pytest.mark.parametrize("ask", OPENAI_DOORS)
def test_a_wrong_key_to_openais_doors(ask: Ask, served: Served) -> None:
    with clients(served, "sme_live_wrong") as (client, _), pytest.raises(openai.AuthenticationError) as refusal:
        ask(client)
    assert refusal.value.type == "authentication_error"
    assert refusal.value.request_id


def test_a_wrong_key_to_anthropics_door(served: Served) -> None:
    with clients(served, "sme_live_wrong") as (_, client), pytest.raises(anthropic.AuthenticationError) as refusal:
        ask_message(client)
    assert refusal.value.type == "authentication_error"
    assert refusal.value.request_id


@pytest.mark.parametrize("ask", OPENAI_DOORS)
def test_an_unknown_model_at_openais_doors(ask: Ask, through: Route) -> None:
    with pytest.raises(openai.NotFoundError) as refusal:
        ask(through.openai, model="no-such-model")
    assert refusal.value.code == "model_not_found"
    assert "no-such-model" in refusal.value.message


def test_an_unknown_model_at_anthropics_door(through: Route) -> None:
    with pytest.raises(anthropic.NotFoundError) as refusal:
        ask_message(through.anthropic, model="no-such-model")
    assert refusal.value.type == "not_found_error"
    assert "no-such-model" in refusal.value.message


def test_a_model_that_the_organisation_does_not_allow(served: Served) -> None:
    with clients(served, served.keys["strict"]) as (by_openai, by_anthropic):
        assert ask_chat(by_openai, model="gpt").choices
        with pytest.raises(openai.PermissionDeniedError) as refusal:
            ask_chat(by_openai, model="claude")
        assert refusal.value.type == "permission_error"
        with pytest.raises(anthropic.PermissionDeniedError) as refused:
            ask_message(by_anthropic, model="claude")
        assert refused.value.type == "permission_error"


@pytest.mark.parametrize("ask", OPENAI_DOORS)
def test_too_few_credits_at_openais_doors(ask: Ask, served: Served, vendors: Vendors) -> None:
    before = len(vendors.calls)
    with clients(served, served.keys["poor"]) as (client, _), pytest.raises(openai.APIStatusError) as refusal:
        ask(client.with_options(max_retries=2))
    assert refusal.value.status_code == 402
    assert refusal.value.type == "insufficient_quota"
    assert len(vendors.calls) == before


def test_too_few_credits_at_anthropics_door(served: Served) -> None:
    with clients(served, served.keys["poor"]) as (_, client), pytest.raises(anthropic.APIStatusError) as refusal:
        ask_message(client)
    assert isinstance(refusal.value, anthropic.PaymentRequiredError)
    assert refusal.value.type == "billing_error"


@pytest.mark.parametrize("stream", [False, True])
def test_what_openai_refuses_is_refused_in_its_words(stream: bool, straight: Route, through: Route) -> None:
    refusals = []
    for route in (straight, through):
        with pytest.raises(openai.BadRequestError) as refusal:
            ask_chat(route.openai, temperature=9, stream=stream)
        refusals.append(refusal.value)
    assert refusals[0].param == "temperature"
    assert refusals[1].body == refusals[0].body


@pytest.mark.parametrize("stream", [False, True])
def test_what_anthropic_refuses_is_refused_in_its_words(stream: bool, straight: Route, through: Route) -> None:
    """The newest version has no sampling parameters: that is for the vendor to say."""
    refusals = []
    for route in (straight, through):
        with pytest.raises(anthropic.BadRequestError) as refusal:
            ask_message(route.anthropic, extra_body={"temperature": 0.5}, stream=stream)
        refusals.append(refusal.value)
    assert refusals[1].body["error"] == refusals[0].body["error"]  # type: ignore[index]


def test_sampling_goes_through_under_the_version_that_has_it(through: Route, vendors: Vendors) -> None:
    older = {"anthropic-version": "2023-06-01"}
    ask_message(through.anthropic, extra_body={"temperature": 0.5}, extra_headers=older)
    assert vendors.last("messages").body["temperature"] == 0.5
    assert vendors.last("messages").headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize(
    ("ask", "options", "param"),
    [
        (ask_chat, {"n": 2}, "n"),
        (ask_chat, {"logprobs": True}, "logprobs"),
        (ask_response, {"previous_response_id": "resp_1"}, "previous_response_id"),
    ],
)
def test_what_the_other_vendor_cannot_do_is_refused_by_name(
    ask: Ask, options: dict[str, Any], param: str, through: Route
) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        ask(through.openai, model="claude", **options)
    assert refusal.value.param == param


@pytest.mark.parametrize(
    ("ask", "body", "param"),
    [
        (ask_chat, {"messages": "none"}, "messages"),
        (ask_chat, {"n": 0}, "n"),
        (ask_chat, {"max_completion_tokens": -1}, "max_completion_tokens"),
        (ask_response, {"max_output_tokens": "many"}, "max_output_tokens"),
        (ask_embedding, {"input": {"no": "text"}}, "input"),
    ],
)
def test_a_field_that_is_wrong_is_named(ask: Ask, body: dict[str, Any], param: str, through: Route) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        ask(through.openai, extra_body=body)
    assert refusal.value.param == param


def test_a_busy_vendor_is_the_clients_rate_limit_error(through: Route) -> None:
    with pytest.raises(openai.RateLimitError) as refusal:
        ask_chat(through.openai, model="gpt-busy")
    assert float(refusal.value.response.headers["retry-after"]) >= 0
    with pytest.raises(anthropic.RateLimitError) as refused:
        ask_message(through.anthropic, model="claude-busy")
    assert refused.value.type == "rate_limit_error"


def test_patchbay_tries_again_so_that_the_client_need_not(through: Route) -> None:
    """The vendor refuses each prompt once; the client here never tries twice."""
    once: Any = [{"role": "user", "content": "refused at first, chat"}]
    answer = through.openai.chat.completions.with_raw_response.create(model="gpt-flaky", messages=once)
    assert answer.headers["x-patchbay-tries"] == "2"
    once = [{"role": "user", "content": "refused at first, message"}]
    assert through.anthropic.messages.create(model="claude-flaky", max_tokens=500, messages=once).content


@pytest.mark.parametrize("model", ["gpt-breaking", "claude-breaking"])
def test_a_stream_that_breaks_off_is_an_error_not_a_short_answer(model: str, through: Route) -> None:
    stream = ask_chat(through.openai, model=model, stream=True)
    assert next(stream).choices[0].delta.role == "assistant"
    with pytest.raises(openai.APIError) as broken:
        list(stream)
    assert broken.value.code == "model_broken"
    with pytest.raises(anthropic.APIStatusError) as torn:
        list(ask_message(through.anthropic, model=model, stream=True))
    assert torn.value.type == "api_error"


@pytest.mark.parametrize("model", ["gpt-breaking", "claude-breaking"])
def test_a_streamed_response_that_breaks_off_says_so(model: str, through: Route) -> None:
    events = list(ask_response(through.openai, model=model, stream=True))
    assert events[-1].type == "error"
    assert events[-1].code == "model_broken"
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_the_clients_own_retries_wait_as_long_as_patchbay_says(served: Served) -> None:
    """A key of sixty requests a minute, used up: the refused call comes again after Retry-After, and is served."""
    came: list[tuple[float, httpx2.Response]] = []

    def note(answer: httpx2.Response) -> None:
        came.append((time.monotonic(), answer))

    options: Any = {"api_key": served.keys["slow"], "max_retries": 3}
    with httpx2.Client(event_hooks={"response": [note]}, timeout=SECONDS) as http:
        by_openai = openai.OpenAI(base_url=f"{served.origin}/v1", http_client=http, **options)
        by_anthropic = anthropic.Anthropic(base_url=served.origin, http_client=http, **options)
        while not _refused(came):
            by_openai.models.list()
            assert len(came) < 500
        assert _refused(came)[-1][1].headers["x-ratelimit-remaining-requests"] == "0"
        while len(_refused(came)) < 2:
            by_anthropic.models.list()
            assert len(came) < 500
    for refused_at, refusal in _refused(came):
        served_at, answer = came[came.index((refused_at, refusal)) + 1]
        assert answer.status_code == 200
        assert served_at - refused_at >= float(refusal.headers["retry-after"]) > 0


def _refused(came: list[tuple[float, httpx2.Response]]) -> list[tuple[float, httpx2.Response]]:
    return [(moment, answer) for moment, answer in came if answer.status_code == 429]
