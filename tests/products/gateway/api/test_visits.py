"""What is told of each request at a door: to the metrics once, to the log why it failed, opted in what was said."""

from typing import Any

import pytest

from patchbay.products.gateway.engine import failures, metrics, registry
from tests.asgi import call
from tests.fakes.upstream import Fault
from tests.products.gateway.api.conftest import PATHS, House


def count(instrument: Any, *labels: str) -> float:
    value = instrument.values.get(labels, 0)
    return float(value if isinstance(value, int | float) else sum(value.buckets))


async def test_an_answer_is_counted_once_with_its_tokens_and_times(house: House) -> None:
    model = house.alias("m-counted", ("openai", "gpt+usage-kinds"))
    for _ in range(2):
        await house.ask("chat", model)
    await house.ask("chat", model, stream=True)
    assert count(metrics.SECONDS, "chat", model, "200") == 3
    assert count(metrics.FIRST_BYTE_SECONDS, "chat", model) == 3
    tokens = {kind: count(metrics.TOKENS, model, kind) for kind in ("prompt", "completion", "cached", "reasoning")}
    assert tokens == {"prompt": 3000, "completion": 900, "cached": 600, "reasoning": 360}
    assert count(metrics.RETRIES, model) == 0
    assert not house.notes.failures
    assert not house.notes.bodies


async def test_failures_are_counted_by_what_the_client_was_told_and_noted_with_their_tries(house: House) -> None:
    model = house.alias("m-failing", ("openai", "gpt+fault-500"))
    before = count(metrics.UPSTREAM_ERRORS, "openai", "model_unavailable")
    answer = await house.ask("chat", model)
    assert count(metrics.SECONDS, "chat", model, "503") == 1
    assert count(metrics.FIRST_BYTE_SECONDS, "chat", model) == 0
    assert count(metrics.RETRIES, model) == 1
    assert count(metrics.UPSTREAM_ERRORS, "openai", "model_unavailable") == before + 2
    [failure] = house.notes.failures
    assert failure.request_id == answer.headers["x-request-id"]
    assert (failure.door, failure.alias, failure.status, failure.code) == ("chat", model, 503, "model_unavailable")
    assert (failure.key_id, failure.organisation_id) == ("key_sme_live_one", "org_1")
    assert [(each.provider, each.status) for each in failure.tries] == [("openai", 500)] * 2


async def test_a_stream_that_broke_is_noted_though_its_status_line_said_200(house: House) -> None:
    model = house.alias("m-broken", ("anthropic", f"claude+fault-{Fault.ERROR_EVENT}"))
    await house.ask("messages", model, stream=True)
    [failure] = house.notes.failures
    assert (failure.door, failure.status, failure.code) == ("messages", 502, "model_broken")
    assert count(metrics.SECONDS, "messages", model, "502") == 1


async def test_a_model_that_is_none_makes_no_label_and_is_noted(house: House) -> None:
    before = count(metrics.SECONDS, "chat", "", "404")
    assert (await house.ask("chat", "made-up")).status == 404
    assert count(metrics.SECONDS, "chat", "", "404") == before + 1
    assert not any("made-up" in labels for labels in metrics.SECONDS.values)
    assert (house.notes.failures[0].alias, house.notes.failures[0].status) == ("made-up", 404)


async def test_without_credits_a_request_is_noted_and_without_a_key_it_is_only_counted(house: House) -> None:
    model = house.alias("m-poor", ("openai", "gpt"))
    house.meter.balance = 0
    assert (await house.ask("chat", model)).status == 402
    assert house.notes.failures[0].status == 402
    before = count(metrics.SECONDS, "chat", "", "401")
    answer = await call(house.app, "POST", PATHS["chat"], value={"model": model})
    assert answer.status == 401
    assert count(metrics.SECONDS, "chat", "", "401") == before + 1
    assert len(house.notes.failures) == 1


async def test_requests_beyond_the_rate_are_noted_but_fill_no_log(house: House) -> None:
    house.add_key("sme_live_slow", "org_3", requests_per_minute=1)
    model = house.alias("m-slow", ("openai", "gpt"))
    answers = [await house.ask("chat", model, secret="sme_live_slow") for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 429, 429, 429, 429]
    [first] = house.notes.failures
    assert (first.request_id, first.status, first.code) == (answers[1].headers["x-request-id"], 429, "rate_limited")
    assert (first.organisation_id, first.key_id, first.requests) == ("org_3", "key_sme_live_slow", 1)
    failures.REFUSALS.flush()
    assert (house.notes.failures[1].request_id, house.notes.failures[1].requests) == (
        answers[2].headers["x-request-id"],
        3,
    )


async def test_a_list_of_models_is_counted_and_its_refusals_are_noted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "list_local_names", lambda organisation_id, plug_id: [])

    def counted(status: str) -> float:
        return count(metrics.SECONDS, "models", "", status)

    house.add_key("sme_live_slow", "org_3", requests_per_minute=2)
    before = counted("200"), counted("404"), counted("429")
    headers = {"authorization": "Bearer sme_live_slow"}
    for path in ("/v1/models", "/v1/models/none", "/v1/models"):
        await call(house.app, "GET", path, headers=headers)
    assert (counted("200"), counted("404"), counted("429")) == (before[0] + 1, before[1] + 1, before[2] + 1)
    assert [(each.door, each.status) for each in house.notes.failures] == [("models", 404), ("models", 429)]


@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_said_is_kept_only_where_the_organisation_wants_it(house: House, stream: bool) -> None:
    model = house.alias("m", ("openai", "gpt"))
    await house.ask("chat", model, stream=stream)
    assert not house.notes.bodies
    house.rules |= {"log_bodies": True, "body_days": 3}
    answer = await house.ask("chat", model, stream=stream)
    [body] = house.notes.bodies
    assert (body.request_id, body.days, body.organisation_id) == (answer.headers["x-request-id"], 3, "org_1")
    assert body.answer == answer.body
    assert b'"model": "m"' in body.request


async def test_of_a_failure_the_error_is_kept(house: House) -> None:
    house.rules |= {"log_bodies": True}
    answer = await house.ask("chat", house.alias("m", ("openai", "gpt+fault-500")))
    assert house.notes.bodies[0].answer == answer.body


async def test_the_cache_is_counted(house: House) -> None:
    model = house.alias("m-kept", ("openai", "gpt"), cache_seconds=60)
    for _ in range(3):
        await house.ask("chat", model)
    assert (count(metrics.CACHE, model, "miss"), count(metrics.CACHE, model, "hit")) == (1, 2)


@pytest.mark.parametrize("door", list(PATHS))
async def test_every_answer_says_what_is_left_of_the_rate(house: House, door: str) -> None:
    names = {"ratelimit", "ratelimit-policy", "x-request-id"}
    if door == "messages":
        names.add("request-id")
    else:
        names |= {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"}
    kind: Any = "anthropic" if door == "messages" else "openai"
    healthy = {"messages": "claude", "embeddings": "embed"}.get(door, "gpt")
    well = house.alias("well", (kind, healthy))
    answers = [
        await house.ask(door, well),
        await house.ask(door, "none"),
        await house.ask(door, house.alias("ill", (kind, f"{healthy}+fault-500"))),
        await house.ask(door, well, headers={"idempotency-key": ""}),
    ]
    if door != "embeddings":
        answers.append(await house.ask(door, well, stream=True))
    assert [answer.status for answer in answers][:4] == [200, 404, 503, 400]
    for answer in answers:
        assert names <= set(answer.headers)
