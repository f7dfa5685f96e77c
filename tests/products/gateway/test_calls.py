"""A metered call: what is held, what is charged, and what is free."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from patchbay.kernel.ledger.errors import InsufficientCreditsError
from patchbay.kernel.plans.contracts import ITEMS, PriceList, Rate
from patchbay.lib.errors import AppError, UnavailableError
from patchbay.products.gateway import errors
from patchbay.products.gateway.engine import calls, registry
from patchbay.products.gateway.engine.contracts import (
    Act,
    Caller,
    ChatEvent,
    ChatRequest,
    Delta,
    Done,
    Message,
    TokenUsage,
)
from tests.fakes.meter import FakeMeter
from tests.fakes.provider import FakeProvider

CALLER = Caller(organisation_id="org_1", requests_per_minute=60)
TESTER = Caller(organisation_id="org_1", requests_per_minute=60, environment="test")
ACT = Act(request_id="req_1", product="plugs", operation="chat")
# One credit for 1,000 prompt tokens, two for 1,000 completion tokens, cached at a tenth.
PRICES = PriceList(
    None,
    datetime(2026, 1, 1, tzinfo=UTC),
    dict.fromkeys(ITEMS, Rate(0, 1))
    | {
        "prompt_tokens": Rate(1_000_000, 1000),
        "completion_tokens": Rate(2_000_000, 1000),
        "cached_tokens": Rate(100_000, 1000),
    },
)
REQUEST = ChatRequest("fake-model", (Message("user", "four" * 10),), max_output_tokens=100)
WORST = 40 * 1000 + 100 * 2000


@pytest.fixture
def meter() -> FakeMeter:
    return FakeMeter()


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_providers", {})
    return


async def run(meter: FakeMeter, provider: FakeProvider, caller: Caller = CALLER) -> list[ChatEvent]:
    registry.register(provider, "fake-model")
    async with calls.open_call(caller=caller, act=ACT, request=REQUEST, meter=meter, prices=PRICES) as call:
        events = [event async for event in call.events()]
        await call.settle(outcome="answered", response=b"bytes")
    return events


async def test_the_cost_is_the_price_list_times_the_providers_own_count(meter: FakeMeter) -> None:
    provider = FakeProvider("Hello ", "you", usage=TokenUsage(prompt=31, completion=7, cached=20))
    events = await run(meter, provider)
    assert events[:2] == [Delta("Hello "), Delta("you")]
    assert isinstance(events[2], Done)
    assert events[2].result.text == "Hello you"
    [charge] = meter.charges
    assert charge.bill.cost_micro == 11 * 1000 + 20 * 100 + 7 * 2000
    assert sum(line.cost_micro for line in charge.bill.lines) == charge.bill.cost_micro
    assert (charge.outcome, charge.response, charge.act) == ("answered", b"bytes", ACT)
    assert meter.balance == 10**12 - charge.bill.cost_micro
    assert not meter.held


async def test_a_reported_zero_is_a_zero(meter: FakeMeter) -> None:
    await run(meter, FakeProvider("text", usage=TokenUsage(0, 0)))
    assert meter.charges[0].bill.cost_micro == 0
    assert not meter.charges[0].result.usage.estimated


async def test_tokens_that_nobody_counted_are_bytes_over_four_and_marked(meter: FakeMeter) -> None:
    await run(meter, FakeProvider("ä" * 5))
    [charge] = meter.charges
    assert charge.result.usage == TokenUsage(prompt=10, completion=3, estimated=True)
    assert charge.bill.cost_micro == 10 * 1000 + 3 * 2000


async def test_the_hold_is_the_worst_case_and_is_taken_before_the_provider_is_called() -> None:
    provider = FakeProvider("text")
    with pytest.raises(InsufficientCreditsError):
        await run(FakeMeter(WORST - 1), provider)
    assert provider.requests == []
    await run(FakeMeter(WORST), provider)
    assert len(provider.requests) == 1


async def test_of_two_at_once_with_credits_for_one_exactly_one_is_refused() -> None:
    meter, gate = FakeMeter(WORST + 5), asyncio.Event()
    provider = FakeProvider("a", "b", gate=gate)

    async def one() -> bool:
        try:
            await run(meter, provider)
        except InsufficientCreditsError:
            gate.set()
            return False
        return True

    assert sorted(await asyncio.gather(one(), one())) == [False, True]
    assert len(meter.charges) == 1


@pytest.mark.parametrize("fail_after", [0, 1, 2])
async def test_a_failing_provider_is_free(meter: FakeMeter, fail_after: int) -> None:
    failing = FakeProvider("a", "b", error=errors.ModelUnavailableError(), fail_after=fail_after)
    with pytest.raises(errors.ModelUnavailableError):
        await run(meter, failing)
    assert (meter.balance, meter.held, meter.charges) == (10**12, {}, [])


async def test_a_stream_without_an_end_is_broken_and_free(meter: FakeMeter) -> None:
    with pytest.raises(errors.ModelBrokenError):
        await run(meter, FakeProvider("a", reason=None))
    assert (meter.held, meter.charges) == ({}, [])


async def test_our_own_failure_after_the_answer_is_free_too(meter: FakeMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail_to_settle(**_: object) -> None:
        raise KeyError

    monkeypatch.setattr(calls.Call, "settle", lambda self, **_: fail_to_settle())
    with pytest.raises(KeyError):
        await run(meter, FakeProvider("a"))
    assert (meter.balance, meter.held, meter.charges) == (10**12, {}, [])


async def test_a_cancelled_call_is_free_and_closes_its_provider(meter: FakeMeter) -> None:
    provider = FakeProvider("a", "b", gate=asyncio.Event())
    task = asyncio.create_task(run(meter, provider))
    async with asyncio.timeout(5):
        await provider.called.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert provider.closed
    assert (meter.held, meter.charges) == ({}, [])


async def test_a_test_key_holds_nothing_and_pays_nothing_but_is_recorded() -> None:
    meter = FakeMeter(0)
    await run(meter, FakeProvider("text"), TESTER)
    [charge] = meter.charges
    assert (charge.bill.cost_micro, charge.bill.lines, charge.hold) == (0, (), None)
    assert charge.result.usage.prompt == 10


@pytest.mark.parametrize("caller", [CALLER, TESTER])
async def test_while_nothing_can_be_settled_nothing_is_begun(meter: FakeMeter, caller: Caller) -> None:
    meter.healthy = False
    provider = FakeProvider("text")
    with pytest.raises(UnavailableError):
        await run(meter, provider, caller)
    assert provider.requests == []


async def test_after_the_client_left_reading_goes_on_to_the_usage(meter: FakeMeter) -> None:
    registry.register(FakeProvider("a", "b", usage=TokenUsage(5, 2)), "fake-model")
    async with calls.open_call(caller=CALLER, act=ACT, request=REQUEST, meter=meter, prices=PRICES) as call:
        async for _ in call.events():
            call.client_left()
        await call.settle(outcome="answered")
    assert meter.charges[0].bill.cost_micro == 5 * 1000 + 2 * 2000


async def test_but_not_for_ever_and_then_what_was_produced_is_counted(
    meter: FakeMeter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LEFT_SECONDS", 0.01)
    provider = FakeProvider("12345678", "never", gate=asyncio.Event())
    registry.register(provider, "fake-model")
    async with calls.open_call(caller=CALLER, act=ACT, request=REQUEST, meter=meter, prices=PRICES) as call:
        async for _ in call.events():
            call.client_left()
        assert call.result.finish_reason == "cut"
        await call.settle(outcome="answered")
    assert meter.charges[0].result.usage == TokenUsage(10, 2, estimated=True)
    assert provider.closed


async def test_a_model_that_never_ends_times_out_and_is_free(meter: FakeMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "CALL_SECONDS", 0.01)
    with pytest.raises(errors.ModelTimeoutError):
        await run(meter, FakeProvider("a", "never", gate=asyncio.Event()))
    assert (meter.held, meter.charges) == ({}, [])


async def test_an_unknown_model_is_named_and_holds_nothing(meter: FakeMeter) -> None:
    with pytest.raises(errors.ModelNotFoundError, match="fake-model") as caught:
        async with calls.open_call(caller=CALLER, act=ACT, request=REQUEST, meter=meter, prices=PRICES):
            pass
    assert isinstance(caught.value, AppError)
    assert not meter.held


async def test_asking_for_the_bill_before_the_end_is_a_bug(meter: FakeMeter) -> None:
    registry.register(FakeProvider("a"), "fake-model")
    async with calls.open_call(caller=CALLER, act=ACT, request=REQUEST, meter=meter, prices=PRICES) as call:
        with pytest.raises(RuntimeError):
            _ = call.bill


def test_a_test_key_runs_on_the_built_in_model(settings: Any) -> None:
    settings.MODEL = "gpt-real"
    assert calls.model_for(TESTER) == registry.OFFLINE_MODEL
    assert calls.model_for(CALLER) == "gpt-real"
    settings.MODEL = ""
    assert calls.model_for(CALLER) == registry.OFFLINE_MODEL
