"""The one loop that tries again: who is tried when, for how long, with which key, and who never again."""

import asyncio
import random
from collections.abc import Awaitable
from typing import Any

import pytest

from patchbay.lib.errors import AppError
from patchbay.products.gateway import errors
from patchbay.products.gateway.contracts import ModelAlias, ModelTarget, ProviderConfig, ProviderKey
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.engine.contracts import Transport, Tries
from patchbay.products.gateway.engine.routing import health, router
from patchbay.products.gateway.engine.routing.router import Place, Router, TryFailedError
from patchbay.products.gateway.wire.contracts import Head

HEAD = Head("fake")
KEYS = (ProviderKey("k1", "s1"), ProviderKey("k2", "s2"), ProviderKey("k3", "s3"))


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def busy(retry_after: float | None = None) -> TryFailedError:
    return TryFailedError(errors.ModelBusyError(retry_after=retry_after), status=429, harms=False)


def refused_key() -> TryFailedError:
    error = errors.ModelRefusedError(retry_after=60)
    return TryFailedError(error, status=401, harms=False, blames_key=True)


def down(retry_after: float | None = None) -> TryFailedError:
    return TryFailedError(errors.ModelUnavailableError(retry_after=retry_after), status=503)


def wrong() -> TryFailedError:
    return TryFailedError(errors.ProviderRefusedError("bad"), status=400, harms=False, final=True)


def elsewhere(status: int = 404) -> TryFailedError:
    return TryFailedError(errors.ProviderRefusedError("no", status=status), status=status, harms=False, elsewhere=True)


class Road:
    """A router over providers whose tries are scripted: what is not scripted serves."""

    def __init__(self, seed: int = 1) -> None:
        self.time = Time()
        self.asked: list[str] = []
        self.keys: list[str | None] = []
        self.router = Router(clock=self.time, sleep=self.time.sleep, chance=random.Random(seed))
        self.tries: Tries = []
        self._scripts: dict[str, list[TryFailedError]] = {}
        registry.register_kind("road", lambda config: object())  # type: ignore[arg-type,return-value]

    def target(self, name: str, *script: TryFailedError, **fields: Any) -> ModelTarget:
        names = ("keys", "max_concurrent", "queue_seconds", "queue_length")
        of_provider = {each: fields.pop(each) for each in names if each in fields}
        self._scripts[name] = list(script)
        return ModelTarget(name, ProviderConfig(f"prov_{name}", name, "road", "", **of_provider), name, **fields)

    async def attempt(self, target: ModelTarget, transport: Transport, key: ProviderKey | None) -> str:
        self.asked.append(target.id)
        self.keys.append(key and key.id)
        if self._scripts[target.id]:
            raise self._scripts[target.id].pop(0)
        return target.id

    async def run(self, *targets: ModelTarget, **alias: Any) -> Place[str]:
        self.tries: Tries = []
        return await self.router.run(ModelAlias("fake", targets, **alias), HEAD, 10, self.attempt, self.tries)

    async def serve(self, *targets: ModelTarget, **alias: Any) -> str:
        place = await self.run(*targets, **alias)
        place.succeed()
        place.release()
        return place.result

    async def fails(self, *targets: ModelTarget, **alias: Any) -> AppError:
        with pytest.raises(AppError) as failed:
            await self.run(*targets, **alias)
        assert all(self.router._providers[each.provider.id].gate.active == 0 for each in targets)
        return failed.value


@pytest.fixture
def road() -> Road:
    return Road()


async def test_others_are_tried_at_once_and_the_same_ones_only_after_a_pause(road: Road) -> None:
    targets = [road.target("a", down(), down(), order=0), road.target("b", down(), order=1)]
    assert await road.serve(*targets) == "b"
    assert road.asked == ["a", "b", "a", "b"]
    assert router.BACKOFF_SECONDS <= sum(road.time.slept) <= router.BACKOFF_SECONDS * router.JITTER
    assert [(each.provider, each.status, each.error) for each in road.tries] == [
        ("a", 503, "model_unavailable"),
        ("b", 503, "model_unavailable"),
        ("a", 503, "model_unavailable"),
        ("b", 200, ""),
    ]


async def test_another_target_costs_no_pause(road: Road) -> None:
    assert await road.serve(road.target("a", busy(30)), road.target("b", order=1)) == "b"
    assert road.time.slept == []


async def test_a_target_has_two_rounds(road: Road) -> None:
    error = await road.fails(road.target("a", down(), down(), down()))
    assert isinstance(error, errors.ModelUnavailableError)
    assert road.asked == ["a", "a"]


async def test_no_more_than_six_tries_are_made(road: Road) -> None:
    targets = [road.target(name, *[down() for _ in range(9)]) for name in "abcd"]
    await road.fails(*targets)
    assert len(road.asked) == router.MAX_TRIES


@pytest.mark.parametrize("seed", range(20))
async def test_retry_after_is_honoured_and_the_pause_is_spread_a_little(seed: int) -> None:
    road = Road(seed)
    await road.serve(road.target("a", busy(router.PATIENCE_SECONDS)))
    [pause] = road.time.slept
    assert router.PATIENCE_SECONDS <= pause <= router.PATIENCE_SECONDS * router.JITTER


@pytest.mark.parametrize("seed", range(20))
async def test_without_a_word_of_the_provider_the_pause_is_short_and_not_always_the_same(seed: int) -> None:
    road = Road(seed)
    await road.serve(road.target("a", down()))
    [pause] = road.time.slept
    assert router.BACKOFF_SECONDS <= pause <= router.BACKOFF_SECONDS * router.JITTER
    assert pause != router.BACKOFF_SECONDS


async def test_the_pause_is_for_whoever_may_be_asked_first(road: Road) -> None:
    targets = road.target("a", down(2)), road.target("b", busy(30), order=1)
    assert await road.serve(*targets) == "a"
    assert road.asked == ["a", "b", "a"]
    assert road.time.slept[0] <= 2 * router.JITTER


@pytest.mark.parametrize(("failure", "status"), [(busy(router.PATIENCE_SECONDS + 0.1), 429), (down(30), 503)])
async def test_a_client_is_told_of_a_long_pause_instead_of_waiting_it_out(
    road: Road, failure: TryFailedError, status: int
) -> None:
    error = await road.fails(road.target("a", failure))
    assert (error.status, error.retry_after) == (status, failure.error.retry_after)
    assert (road.asked, road.time.slept) == (["a"], [])


async def test_a_client_is_told_of_the_shortest_pause_that_is_asked_for(road: Road) -> None:
    targets = [road.target("a", busy(20)), road.target("b", down(40), order=1), road.target("c", elsewhere(), order=2)]
    error = await road.fails(*targets)
    assert (error.status, error.retry_after) == (429, 20)
    assert (road.asked, road.time.slept) == (["a", "b", "c"], [])


async def test_no_pause_is_begun_that_ends_after_the_deadline(road: Road) -> None:
    async def slow(target: ModelTarget, transport: Transport, key: ProviderKey | None) -> str:
        road.time.now += router.ROUTE_SECONDS - 1
        return await road.attempt(target, transport, key)

    with pytest.raises(errors.ModelBusyError):
        await road.router.run(ModelAlias("fake", (road.target("a", busy(2)),)), HEAD, 10, slow, road.tries)
    assert (road.asked, road.time.slept) == (["a"], [])


async def test_after_the_deadline_nobody_is_tried(road: Road) -> None:
    async def slow(target: ModelTarget, transport: Transport, key: ProviderKey | None) -> str:
        road.time.now += router.ROUTE_SECONDS
        return await road.attempt(target, transport, key)

    targets = road.target("a", down()), road.target("b", order=1)
    with pytest.raises(errors.ModelUnavailableError):
        await road.router.run(ModelAlias("fake", targets), HEAD, 10, slow, road.tries)
    assert road.asked == ["a"]


async def test_a_request_that_is_wrong_is_tried_nowhere_else(road: Road) -> None:
    error = await road.fails(road.target("a", wrong()), road.target("b", order=1))
    assert error.status == 400
    assert road.asked == ["a"]


@pytest.mark.parametrize("status", [404, 413])
async def test_what_one_target_lacks_another_may_have_and_the_first_is_not_asked_again(road: Road, status: int) -> None:
    assert await road.serve(road.target("a", elsewhere(status)), road.target("b", down(), order=1)) == "b"
    assert road.asked == ["a", "b", "b"]


async def test_what_the_only_target_lacks_is_told_at_once(road: Road) -> None:
    assert (await road.fails(road.target("a", elsewhere()))).status == 404
    assert (road.asked, road.time.slept) == (["a"], [])


# -- keys -----------------------------------------------------------------------------------------------------------


async def test_a_refused_key_rests_and_the_next_one_is_used_at_once(road: Road) -> None:
    target = road.target("a", refused_key(), refused_key(), keys=KEYS)
    assert await road.serve(target) == "a"
    assert road.keys == ["k1", "k2", "k3"]
    assert road.time.slept == []
    road.keys.clear()
    for _ in range(5):
        await road.serve(target)
    assert set(road.keys) == {"k3"}
    road.time.now += 61
    for _ in range(6):
        await road.serve(target)
    assert set(road.keys) == {"k1", "k2", "k3"}


async def test_a_key_at_its_limit_rests_as_long_as_the_provider_says(road: Road) -> None:
    target = road.target("a", busy(20), keys=KEYS[:2])
    assert await road.serve(target) == "a"
    assert road.keys == ["k1", "k2"]
    road.time.now += 19
    await road.serve(target)
    assert road.keys[-1] == "k2"


async def test_when_every_key_is_refused_the_client_is_told_at_once(road: Road) -> None:
    error = await road.fails(road.target("a", *[refused_key() for _ in range(5)], keys=KEYS[:2]))
    assert isinstance(error, errors.ModelRefusedError)
    assert road.keys == ["k1", "k2"]


async def test_a_target_whose_keys_all_rest_goes_last_and_not_out(road: Road) -> None:
    tired = road.target("a", busy(40), keys=KEYS[:1])
    other = road.target("b", order=1)
    await road.serve(tired, other)
    assert road.asked == ["a", "b"]
    assert await road.serve(tired, other) == "b"
    assert await road.serve(tired) == "a"


# -- health ---------------------------------------------------------------------------------------------------------


def break_open(road: Road, target: ModelTarget) -> None:
    for _ in range(health.MIN_REQUESTS):
        road.router.breaker(target).fail()


async def test_a_target_with_an_open_breaker_comes_after_all_others(road: Road) -> None:
    first, second = road.target("a"), road.target("b", order=1)
    break_open(road, first)
    assert await road.serve(first, second) == "b"
    assert road.router.breaker_states() == {"a": 2.0, "b": 0.0}


async def test_when_all_breakers_are_open_all_are_tried_still(road: Road) -> None:
    targets = road.target("a", down()), road.target("b", order=1)
    for target in targets:
        break_open(road, target)
    assert await road.serve(*targets) == "b"
    assert road.asked == ["a", "b"]


async def test_half_open_lets_one_probe_through_and_the_rest_go_elsewhere(road: Road) -> None:
    first, second = road.target("a"), road.target("b", order=1)
    break_open(road, first)
    road.time.now += health.OPEN_SECONDS
    probe = await road.run(first, second)
    assert probe.result == "a"
    assert [await road.serve(first, second) for _ in range(3)] == ["b"] * 3
    probe.succeed()
    probe.release()
    assert await road.serve(first, second) == "a"


async def test_a_probe_that_is_given_up_leaves_the_way_to_the_next(road: Road) -> None:
    first, second = road.target("a"), road.target("b", order=1)
    break_open(road, first)
    road.time.now += health.OPEN_SECONDS
    probe = await road.run(first, second)
    probe.release()  # its caller was cancelled in the midst of the answer
    assert await road.serve(first, second) == "a"


async def test_a_place_is_given_back_once(road: Road) -> None:
    target = road.target("a", max_concurrent=2)
    place = await road.run(target)
    place.release()
    place.release()
    assert road.router._providers["prov_a"].gate.active == 0


async def test_failures_of_the_client_or_a_key_do_not_open_a_breaker(road: Road) -> None:
    for make in (wrong, elsewhere, refused_key, lambda: busy(90)):
        target = road.target("a", *[make() for _ in range(health.MIN_REQUESTS * 2)])
        for _ in range(health.MIN_REQUESTS * 2):
            await road.fails(target)
    assert road.router.breaker(target).state == "closed"


# -- room -----------------------------------------------------------------------------------------------------------


async def test_a_full_provider_is_passed_over_while_another_has_room(road: Road) -> None:
    first, second = road.target("a", max_concurrent=1), road.target("b", order=1)
    held = await road.run(first, second)
    assert await road.serve(first, second) == "b"
    held.release()
    assert await road.serve(first, second) == "a"


async def test_who_waits_for_room_gets_it_or_is_told_by_the_queues_deadline() -> None:
    road = Road()
    road.router = Router(sleep=road.time.sleep)  # the queue keeps real time
    target = road.target("a", max_concurrent=1, queue_seconds=0.02)
    held = await road.run(target)
    error = await _refused(road.run(target))
    assert (error.status, bool(error.retry_after)) == (429, True)
    assert road.time.slept == [], "who waited once does not wait again"
    waiting = asyncio.create_task(road.serve(target))
    await asyncio.sleep(0)
    assert road.router.waiting_calls() == {"a": 1.0}
    held.release()
    assert await waiting == "a"


async def _refused(running: Awaitable[Any]) -> AppError:
    with pytest.raises(AppError) as refused:
        await running
    return refused.value


async def test_the_least_busy_of_equals_is_asked(road: Road) -> None:
    targets = road.target("a"), road.target("b")
    held = [await road.run(*targets, balancing="least_busy") for _ in range(6)]
    assert sorted(each.result for each in held) == ["a"] * 3 + ["b"] * 3
    for each in held:
        if each.result == "a":
            each.release()
    assert await road.serve(*targets, balancing="least_busy") == "a"


async def test_what_a_try_taught_is_used_at_once(road: Road) -> None:
    lesson = TryFailedError(errors.ModelUnavailableError(), harms=False, again=True)
    assert await road.serve(road.target("a", lesson)) == "a"
    assert (road.asked, road.time.slept, len(road.tries)) == (["a", "a"], [], 1)


async def test_a_call_that_no_target_takes_is_refused_before_any_is_asked(road: Road) -> None:
    target = road.target("a", max_prompt_tokens=5)
    assert isinstance(await _refused(road.run(target)), errors.ModelNotFittingError)
    assert road.asked == []
