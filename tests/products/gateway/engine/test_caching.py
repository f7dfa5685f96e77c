"""The response cache: who shares an answer, for how long, and that equal requests at once ask the model once."""

import asyncio
import dataclasses
import json

import pytest
from msgspec.structs import replace

from patchbay.lib.errors import UnavailableError
from patchbay.products.gateway.contracts import Caller, ModelAlias, ModelTarget, ProviderConfig
from patchbay.products.gateway.engine.caching import ResponseCache, cache_key, wanted_seconds
from patchbay.products.gateway.engine.contracts import Ask
from tests.fakes.provider import ask

ALIAS = ModelAlias("fake-model", ())


def key_of(one: Ask, alias: ModelAlias = ALIAS) -> str | None:
    return cache_key(one, alias)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class SharedStore:
    """What two processes share; `away` makes it fail as Redis does."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.away = False

    async def get(self, key: str) -> bytes | None:
        if self.away:
            raise UnavailableError
        return self.values.get(key)

    async def set(self, key: str, value: bytes, seconds: int) -> None:
        if self.away:
            raise UnavailableError
        self.values[key] = value


@pytest.mark.parametrize(
    ("header", "setting", "seconds"),
    [
        (None, 0, 0),
        (None, 60, 60),
        ("off", 60, 0),
        ("0", 60, 0),
        ("30", 0, 30),
        ("on", 0, 300),
        ("ON", 60, 60),
        ("-5", 60, 0),
        ("9" * 20, 0, 30 * 24 * 3600),
        ("nonsense", 60, 0),
    ],
)
def test_a_request_has_the_first_word_and_its_alias_the_second(header: str | None, setting: int, seconds: int) -> None:
    assert wanted_seconds(header, ModelAlias("fake-model", (), cache_seconds=setting)) == seconds


def test_spacing_and_order_make_no_difference_and_everything_else_does() -> None:
    one = ask(temperature=0.5)
    spaced = replace(one, body=json.dumps(dict(reversed(json.loads(one.body).items())), indent=2).encode())
    assert key_of(one) == key_of(spaced)
    others = [ask(temperature=0.6), ask(temperature=0.5, stream=True), replace(one, passed=[(b"openai-beta", b"x")])]
    assert len({key_of(one), *map(key_of, others)}) == 4


@pytest.mark.parametrize(
    "stranger",
    [
        Caller(organisation_id="org_2", requests_per_minute=60),
        Caller(organisation_id="org_1", requests_per_minute=60, environment="test"),
        Caller(organisation_id="org_1", requests_per_minute=60, plug_id="plug_1"),
    ],
)
def test_nobody_shares_an_answer_across_organisations_environments_or_scopes(stranger: Caller) -> None:
    assert key_of(ask()) != key_of(ask(caller=stranger))


def test_a_body_that_cannot_be_read_as_a_whole_is_not_kept() -> None:
    one = ask()
    assert key_of(replace(one, body=one.body[:-1] + b', "seed": 1e999}')) is None


def test_a_model_that_is_led_elsewhere_answers_anew() -> None:
    here, there = (ProviderConfig(name, name, "openai", "https://x.example/v1", ()) for name in ("prov_1", "prov_2"))
    led = [ModelAlias("fake-model", (ModelTarget("t", *to),)) for to in ((here, "a"), (here, "b"), (there, "a"))]
    assert len({key_of(ask(), alias) for alias in led}) == 3
    assert key_of(ask(), led[0]) == key_of(ask(), dataclasses.replace(led[0], cache_seconds=60))


def test_members_of_one_organisation_share() -> None:
    assert key_of(ask()) == key_of(ask(caller=Caller("org_1", 60, key_id="key_2")))


async def test_an_answer_is_served_until_it_is_too_old() -> None:
    clock = Clock()
    cache = ResponseCache(clock=clock)
    assert await cache.find("k") is None
    await cache.put("k", b"answer", "a", 60)
    cache.leave("k")
    kept = await cache.find("k")
    assert kept is not None
    assert (kept.body, kept.provider) == (b"answer", "a")
    clock.now += 60
    assert await cache.find("k") is None


async def test_equal_requests_at_once_wait_for_the_first() -> None:
    cache = ResponseCache()
    assert await cache.find("k") is None
    others = [asyncio.create_task(cache.find("k")) for _ in range(10)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in others)
    await cache.put("k", b"answer", "a", 60)
    cache.leave("k")
    assert [kept.body for task in others if (kept := await task)] == [b"answer"] * 10


async def test_when_the_first_fails_the_next_one_asks() -> None:
    cache = ResponseCache()
    assert await cache.find("k") is None
    others = [asyncio.create_task(cache.find("k")) for _ in range(3)]
    await asyncio.sleep(0)
    cache.leave("k")
    done, waiting = await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [None]
    for task in waiting:
        task.cancel()


async def test_memory_is_bounded_and_the_oldest_leaves_first() -> None:
    cache = ResponseCache(max_bytes=25)
    for name in "abc":
        await cache.put(name, b"0123456789", "p", 60)
    assert await cache.find("a") is None
    assert await cache.find("b") is not None
    assert await cache.find("c") is not None


async def test_other_processes_find_it_and_a_store_that_is_away_does_no_harm() -> None:
    store = SharedStore()
    here, there = ResponseCache(store=store), ResponseCache(store=store)
    await here.put("k", b"answer", "a", 60)
    kept = await there.find("k")
    assert kept is not None
    assert kept.body == b"answer"
    store.away = True
    await here.put("l", b"other", "a", 60)
    assert await here.find("l") is not None
    assert await there.find("l") is None
