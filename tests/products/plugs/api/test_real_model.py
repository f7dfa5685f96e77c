"""With a model configured the same question is answered by an OpenAI-compatible server, metered the same way."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans.contracts import Quantities
from patchbay.lib.money import to_text
from patchbay.products.gateway.contracts import OFFLINE_MODEL
from patchbay.products.gateway.engine.routing import router
from tests import factories
from tests.fakes.upstream import Fault, Script, Upstream, upstream
from tests.fakes.vendors.model import Reply
from tests.products.plugs.api.conftest import World, name_model

HELLO = Reply("Hello world.")


@pytest.fixture
async def server(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Upstream]:
    settings.MAX_OUTPUT_TOKENS, settings.UPSTREAM_SILENCE_SECONDS = 77, 0.5
    monkeypatch.setattr(router, "ROUNDS", 1)
    async with upstream("openai") as fake:
        name_model(settings, monkeypatch, "gpt-big", fake.base_url, fake.api_key)
        yield fake


async def test_a_live_key_is_answered_by_the_configured_model(world: World, server: Upstream) -> None:
    server.then(Script(HELLO))
    answer = await world.ask(stream=True)
    done = answer.events[-1][1]
    assert (done["model"], done["answer"]) == ("gpt-big", "Hello world.")
    [call] = server.calls
    assert (call.body["model"], call.body["max_tokens"]) == ("gpt-big", 77)
    assert call.body["messages"][0] == {"role": "system", "content": "You are exact."}


async def test_its_own_count_is_charged_by_the_price_list(world: World, server: Upstream) -> None:
    details = {"prompt_tokens": 1001, "completion_tokens": 33, "prompt_tokens_details": {"cached_tokens": 7}}
    server.then(Script(HELLO, usage=details))
    usage = (await world.ask()).json()["usage"]
    prices = await world.pool.run(plans.get_prices)
    expected = prices.total_micro(Quantities(prompt_tokens=1001, cached_tokens=7, completion_tokens=33))
    assert usage == {
        "prompt_tokens": 1001,
        "completion_tokens": 33,
        "cached_tokens": 7,
        "estimated": False,
        "credits": to_text(expected),
    }
    assert world.meter.charges[0].cost_micro == expected


async def test_what_it_does_not_count_is_estimated_and_marked(world: World, server: Upstream) -> None:
    server.then(Script(HELLO, usage="absent"))
    usage = (await world.ask()).json()["usage"]
    assert (usage["estimated"], usage["completion_tokens"]) == (True, 3)


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (Script(status=429, headers={"retry-after": "3"}), 429, "model_busy"),
        (Script(status=500), 503, "model_unavailable"),
        (Script(status=401), 502, "model_refused"),
        (Script(fault=Fault.RESET_BEFORE_HEAD), 503, "model_unavailable"),
        (Script(fault=Fault.RESET_AFTER_FIRST_EVENT), 502, "model_broken"),
        (Script(fault=Fault.STALL_AFTER_FIRST_EVENT), 504, "model_timeout"),
        (Script(fault=Fault.NO_FINISH), 502, "model_broken"),
        (Script(fault=Fault.MALFORMED_JSON), 502, "model_broken"),
    ],
)
async def test_its_failures_are_problems_and_free(
    world: World, server: Upstream, script: Script, status: int, code: str
) -> None:
    server.then(script)
    answer = await world.ask()
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert not world.meter.charges
    assert not world.meter.held


async def test_a_test_key_never_reaches_it(world: World, server: Upstream) -> None:
    tester = await world.pool.run(factories.key, world.actor, environment="test")
    assert (await world.ask(secret=tester.secret)).json()["model"] == OFFLINE_MODEL
    assert not server.calls
