"""A provider that counts more than the body has bytes: charged as it counts, told, and held for from then on."""

import asyncio
import json
from typing import Any

import pytest

from patchbay.kernel.ledger.errors import InsufficientCreditsError
from patchbay.lib.money import MICRO
from patchbay.products.gateway.contracts import Act, Caller
from patchbay.products.gateway.engine import overruns
from patchbay.products.gateway.engine.overruns import MOST_TOKENS, NOTHING, REMEMBERED_SECONDS, Bound, Overruns
from patchbay.products.gateway.engine.request_log import Overrun
from patchbay.products.gateway.wire.contracts import TokenUsage
from tests.fakes.meter import FakeMeter
from tests.fakes.provider import DONE, Bench, FakeAnswer, ask, event, usage_event, whole

MANY = {"prompt_tokens": 50_000, "completion_tokens": 900}
COST = 50_000 * 1000 + 900 * 2000


class Log:
    def __init__(self) -> None:
        self.overruns: list[Overrun] = []

    def note_overrun(self, overrun: Overrun) -> None:
        self.overruns.append(overrun)


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    made = Log()
    monkeypatch.setattr(overruns, "REQUEST_LOG", made)
    return made


async def run(bench: Bench, *targets: Any) -> None:
    async with bench.engine.call(ask(), bench.terms(*targets)) as call:
        await call.settle()


def counted(instrument: Any) -> float:
    return float(instrument.values.get(("a", "a-model"), 0))


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_provider_counts_is_charged_whole_and_told_to_the_operator(log: Log, stream: bool) -> None:
    bench = Bench()
    before = counted(overruns.OVERRUNS), counted(overruns.OVERRUN_CREDITS)
    answer = FakeAnswer(event("x", finish="stop"), usage_event(50_000, 900), DONE) if stream else whole(usage=MANY)
    async with bench.engine.call(ask(stream=stream), bench.terms(bench.target("a", answer))) as call:
        if stream:
            assert [piece async for piece in call.pieces()]
        await call.settle()
    [held] = bench.meter.amounts
    assert held < COST
    assert [charge.cost_micro for charge in bench.meter.charges] == [COST]
    assert counted(overruns.OVERRUNS) == before[0] + 1
    assert counted(overruns.OVERRUN_CREDITS) == pytest.approx(before[1] + (COST - held) / MICRO)
    assert log.overruns == [Overrun("req_1", "org_1", "a", "a-model", held, COST)]


async def test_the_next_hold_covers_what_this_target_counts(log: Log) -> None:
    bench = Bench()
    target = bench.target("a", whole(usage=MANY), whole(usage=MANY))
    await run(bench, target)
    await run(bench, target)
    assert bench.meter.amounts[1] >= COST
    assert len(log.overruns) == 1
    bench.meter.balance = COST - 1
    with pytest.raises(InsufficientCreditsError):
        await run(bench, target)


async def test_other_targets_are_held_for_as_before() -> None:
    bench = Bench()
    await run(bench, bench.target("a", whole(usage=MANY)))
    await run(bench, bench.target("b", whole()))
    assert bench.meter.amounts[0] == bench.meter.amounts[1]


async def test_only_the_calls_under_way_can_overdraw(log: Log) -> None:
    """The attack: as many calls at once as the balance holds for, each of which costs a hundred times its hold."""
    gate = asyncio.Event()
    probe = Bench()
    await run(probe, probe.target("a", whole()))
    [hold] = probe.meter.amounts
    bench = Bench(meter=FakeMeter(5 * hold))
    answers = [FakeAnswer(b"", json_answer(), headers=_JSON, gate=gate) for _ in range(50)]
    target = bench.target("a", *answers)
    calls = [asyncio.create_task(run(bench, target)) for _ in range(20)]
    while len(bench.transports["a"].calls) < 5:  # noqa: ASYNC110  the fake tells of its first call alone
        await asyncio.sleep(0)
    gate.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(each is None for each in outcomes) == 5
    assert sum(isinstance(each, InsufficientCreditsError) for each in outcomes) == 15
    assert [charge.cost_micro for charge in bench.meter.charges] == [COST] * 5
    for _ in range(20):
        bench.meter.balance = COST // 2  # enough for a hold as it was, not for what this target counts
        with pytest.raises(InsufficientCreditsError):
            await run(bench, target)
    assert len(log.overruns) == 5
    assert not bench.meter.held


_JSON = {b"content-type": "application/json"}


def json_answer() -> bytes:
    message = {"role": "assistant", "content": "Hello"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "choices": [choice], "usage": MANY}).encode()


async def test_a_number_that_is_no_count_is_not_charged_but_estimated() -> None:
    bench = Bench()
    usage = {"prompt_tokens": MOST_TOKENS + 1, "completion_tokens": 2}
    await run(bench, bench.target("a", whole("nine byte", usage=usage)))
    [charge] = bench.meter.charges
    assert (charge.usage.completion, charge.usage.estimated) == (3, True)
    assert charge.cost_micro <= bench.meter.amounts[0]


class Watch:
    """Overruns on a clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.overruns = Overruns(lambda: self.now)
        self.target = Bench().target("a", context_tokens=10_000)

    def see(self, prompt: int, completion: int) -> Bound:
        act, caller = Act("req_1", "gateway", "chat"), Caller("org_1", 60)
        self.overruns.note(
            self.target,
            TokenUsage(prompt, completion),
            Bound(100, 100),
            act=act,
            caller=caller,
            held_micro=1,
            cost_micro=2,
        )
        return self.overruns.most((self.target,))


def test_the_largest_excess_of_the_last_hour_counts() -> None:
    watch = Watch()
    assert watch.see(600, 50) == Bound(500, 0)
    assert watch.see(150, 300) == Bound(500, 200)
    watch.now = REMEMBERED_SECONDS
    assert watch.overruns.most((watch.target,)) == NOTHING
    assert watch.see(150, 100) == Bound(50, 0)


def test_one_absurd_count_locks_nobody_out() -> None:
    assert Watch().see(MOST_TOKENS, 100) == Bound(10_000, 0)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overruns, "MAX_TARGETS", 1)
    watch = Watch()
    watch.see(600, 50)
    first, watch.target = watch.target, Bench().target("b")
    watch.see(600, 50)
    assert watch.overruns.most((first,)) == NOTHING
    assert watch.overruns.most((watch.target,)) == Bound(500, 0)
