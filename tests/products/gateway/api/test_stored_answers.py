"""`previous_response_id` at the door: served where the answer is stored, refused clearly where it cannot be."""

from dataclasses import replace
from typing import Any

import pytest

from patchbay.products.gateway.contracts import ModelAlias, ModelTarget, ProviderConfig, ProviderKey
from tests.asgi import Answer
from tests.products.gateway.api.conftest import House


def provider(house: House, name: str, keys: tuple[str, ...] = ("one",), owner: str | None = None) -> ProviderConfig:
    """A provider of that name; all of them are the same fake vendor."""
    secrets = tuple(ProviderKey(f"{name}_{key}", house.openai.api_key) for key in keys)
    return ProviderConfig(
        f"prov_{name}", name, "openai", house.openai.base_url, secrets, organisation_id=owner, private_allowed=True
    )


def offer(house: House, alias: str, *providers: ProviderConfig) -> str:
    """Offer a model of these providers, each as likely to be asked first."""
    house.aliases[alias] = ModelAlias(alias, tuple(ModelTarget(each.id, each, "gpt") for each in providers))
    return alias


async def ask(house: House, model: str, **more: Any) -> Answer:
    answer: Answer = await house.ask("responses", model, **more)
    return answer


def refusal(answer: Answer) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status, error["param"], error["code"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("first", ["here", "there"])
async def test_a_follow_up_goes_to_the_provider_that_gave_the_answer(house: House, first: str, stream: bool) -> None:
    both = [provider(house, "here"), provider(house, "there")]
    either = offer(house, "either", *both)
    begun = await ask(house, offer(house, "one", *[each for each in both if each.name == first]), stream=stream)
    assert begun.headers["x-patchbay-provider"] == first
    for _ in range(6):
        later = await ask(house, either, stream=stream, previous_response_id="resp_upstream")
        assert (later.status, later.headers["x-patchbay-provider"]) == (200, first)
    assert house.openai.calls[-1].body["previous_response_id"] == "resp_upstream"
    await house.nothing_is_left()


async def test_an_item_of_an_answer_leads_to_its_provider_too(house: House) -> None:
    both = [provider(house, "here"), provider(house, "there")]
    either = offer(house, "either", *both)
    await ask(house, offer(house, "one", both[1]))
    for _ in range(6):
        later = await ask(house, either, input=[{"type": "item_reference", "id": "msg_1"}])
        assert later.headers["x-patchbay-provider"] == "there"


async def test_a_follow_up_fails_with_its_provider_and_is_not_tried_elsewhere(house: House) -> None:
    both = [provider(house, "here"), provider(house, "there")]
    either = offer(house, "either", *both)
    await ask(house, offer(house, "one", both[0]))
    broken = replace(both[0], base_url="http://127.0.0.1:9/v1")
    offer(house, "either", broken, both[1])
    later = await ask(house, either, previous_response_id="resp_upstream")
    assert later.status == 503
    assert len(house.openai.calls) == 1
    await house.nothing_is_left()


async def test_a_follow_up_uses_the_key_by_which_the_answer_was_got(house: House) -> None:
    pooled = provider(house, "here", ("one", "two"))
    model = offer(house, "pooled", pooled)
    gate = house.engine.router._provider(pooled).gate
    gate.rest(pooled.keys[0], 60.0)
    await ask(house, model)
    gate._resting.clear()
    gate.rest(pooled.keys[1], 60.0)
    asked = []
    choose = gate.choose_key

    def watched(keys: tuple[ProviderKey, ...]) -> ProviderKey | None:
        asked.append([key.id for key in keys])
        return choose(keys)

    gate.choose_key = watched  # type: ignore[method-assign]
    await ask(house, model, previous_response_id="resp_upstream")
    await ask(house, model)
    assert asked == [["here_two"], ["here_one", "here_two"]]


async def test_an_unknown_answer_is_refused_before_anything_is_asked_or_held(house: House) -> None:
    model = offer(house, "m", provider(house, "here"))
    for stream in (False, True):
        answer = await ask(house, model, stream=stream, previous_response_id="resp_upstream")
        assert refusal(answer) == (400, "previous_response_id", "previous_response_not_found")
    answer = await ask(house, model, input=[{"role": "user", "content": "?"}, {"type": "item_reference", "id": "m"}])
    assert refusal(answer) == (400, "input[1].id", "previous_response_not_found")
    assert not house.openai.calls
    assert not house.meter.amounts


async def test_another_organisations_answer_is_as_unknown_as_one_that_never_was(house: House) -> None:
    house.add_key("sme_live_two", "org_2")
    model = offer(house, "m", provider(house, "here"))
    await ask(house, model)
    theirs = await ask(house, model, secret="sme_live_two", previous_response_id="resp_upstream")
    nobodys = await ask(house, model, secret="sme_live_two", previous_response_id="resp_elsewhere")
    assert refusal(theirs) == refusal(nobodys) == (400, "previous_response_id", "previous_response_not_found")
    assert theirs.json()["error"]["message"].replace("resp_upstream", "") == nobodys.json()["error"]["message"].replace(
        "resp_elsewhere", ""
    )
    assert len(house.openai.calls) == 1


async def test_an_organisations_own_provider_may_be_asked_for_what_it_stored_without_us(house: House) -> None:
    own = provider(house, "own", owner="org_1")
    model = offer(house, "m", provider(house, "here"), own)
    for _ in range(4):
        answer = await ask(house, model, previous_response_id="resp_elsewhere")
        assert (answer.status, answer.headers["x-patchbay-provider"]) == (200, "own")


async def test_a_model_without_that_provider_is_refused(house: House) -> None:
    await ask(house, offer(house, "m", provider(house, "here")))
    other = offer(house, "other", provider(house, "there"))
    answer = await ask(house, other, previous_response_id="resp_upstream")
    assert refusal(answer) == (400, "previous_response_id", "unsupported_parameter")
    assert len(house.openai.calls) == 1


async def test_a_provider_of_another_format_is_refused(house: House) -> None:
    model = house.alias("m", ("anthropic", "claude"))
    answer = await ask(house, model, previous_response_id="resp_upstream")
    assert refusal(answer) == (400, "previous_response_id", "unsupported_parameter")
    assert not house.anthropic.calls


async def test_an_answer_that_was_not_to_be_stored_leads_nowhere(house: House) -> None:
    model = offer(house, "m", provider(house, "here"))
    await ask(house, model, store=False)
    answer = await ask(house, model, previous_response_id="resp_upstream")
    assert refusal(answer) == (400, "previous_response_id", "previous_response_not_found")
