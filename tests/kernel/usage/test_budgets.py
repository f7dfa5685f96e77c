"""Budgets in one process: what a cap lets through, how it refuses, changes and renews; the books stay whole."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.ledger import services
from patchbay.kernel.ledger.contracts import BudgetScope, BudgetView, Want, month_end
from patchbay.kernel.ledger.engine import caps, leasing, processes
from patchbay.kernel.ledger.errors import BudgetError, CapReachedError, InsufficientCreditsError, KeyCapError
from patchbay.kernel.ledger.models import Lease, Lot
from patchbay.kernel.usage import queries
from patchbay.kernel.usage.contracts import Charge, Holds, Settlement, UsageRecord
from patchbay.kernel.usage.runtime import Runtime
from patchbay.kernel.usage.services import hold_all, hold_all_blocking, release
from patchbay.lib.ids import new_id
from patchbay.lib.money import MICRO

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def organisation(ledger_runtime: Runtime) -> Iterator[str]:
    organisation_id = new_id("org")
    services.grant(organisation_id=organisation_id, amount_micro=10_000, kind="purchase", idempotency_key="g")
    yield organisation_id
    assert ledger.verify() == []
    assert ledger.verify(organisation_id) == []
    assert queries.verify(organisation_id) == []


def cap(organisation: str, cap_micro: int | None, scope: BudgetScope = "key") -> str:
    scope_id = organisation if scope == "organisation" else f"key{organisation[3:]}"
    return services.set_budget(organisation_id=organisation, scope=scope, scope_id=scope_id, cap_micro=cap_micro)


def settle(live: Runtime, holds: Holds, cost: int, request_id: str = "") -> Charge:
    record = UsageRecord(request_id=request_id or new_id("req"), organisation_id=holds.organisation.organisation_id)
    settlement = Settlement(holds.organisation, cost, record, budget_holds=holds.budgets)
    return live.writer.submit(settlement).result(10)


def budget(organisation: str, scope: BudgetScope = "key") -> BudgetView:
    [found] = [budget for budget in ledger.list_budgets(organisation) if budget.scope == scope]
    return found


def available(organisation: str) -> int:
    return ledger.get_balance(organisation).available_micro


def test_a_cap_counts_what_is_spent_under_it_and_nothing_else(ledger_runtime: Runtime, organisation: str) -> None:
    key = cap(organisation, 1_000)
    assert (budget(organisation).spent_micro, budget(organisation).left_micro) == (0, 1_000)
    settle(ledger_runtime, hold_all_blocking(organisation, [key], 300), 200)
    settle(ledger_runtime, hold_all_blocking(organisation, [], 300), 300)
    assert (budget(organisation).spent_micro, budget(organisation).left_micro) == (200, 800)
    assert available(organisation) == 9_500


@pytest.mark.parametrize(
    ("scope", "error", "code"),
    [("key", KeyCapError, "key_cap_reached"), ("organisation", BudgetError, "budget_reached")],
)
def test_a_refusal_says_the_cap_what_is_left_and_when_it_renews(
    ledger_runtime: Runtime, organisation: str, scope: BudgetScope, error: type[CapReachedError], code: str
) -> None:
    services.grant(organisation_id=organisation, amount_micro=MICRO * 9, kind="purchase", idempotency_key="more")
    capped = cap(organisation, 3 * MICRO, scope)
    settle(ledger_runtime, hold_all_blocking(organisation, [capped], MICRO), MICRO)
    with pytest.raises(error, match=r"of 3\.000000 2\.000000 are left\. It renews on 1 ") as refused:
        hold_all_blocking(organisation, [capped], 2 * MICRO + 1)
    assert (refused.value.status, refused.value.code) == (402, code)
    renews = month_end(datetime.now(UTC))
    assert refused.value.extra == {
        "required": "2.000001",
        "cap": "3.000000",
        "left": "2.000000",
        "renews_at": renews.strftime("%Y-%m-%dT00:00:00Z"),
    }


def test_what_a_cap_refuses_holds_nothing(ledger_runtime: Runtime, organisation: str) -> None:
    wide, narrow = cap(organisation, 5_000, "organisation"), cap(organisation, 100)
    for order in ([narrow, wide], [wide, narrow]):
        with pytest.raises(KeyCapError):
            hold_all_blocking(organisation, order, 101)
    whole = hold_all_blocking(organisation, [], 10_000)
    with pytest.raises(InsufficientCreditsError):
        hold_all_blocking(organisation, [narrow, wide], 100)
    release(whole)
    release(hold_all_blocking(organisation, [wide], 5_000))
    release(hold_all_blocking(organisation, [narrow], 100))


def test_a_released_hold_gives_back_everything_once(ledger_runtime: Runtime, organisation: str) -> None:
    key = cap(organisation, 100)
    for _ in range(3):
        holds = hold_all_blocking(organisation, [key], 100)
        release(holds)
        release(holds)
    assert available(organisation) == 10_000


def test_a_caller_who_leaves_while_waiting_keeps_nothing(ledger_runtime: Runtime, organisation: str) -> None:
    key = cap(organisation, 400)

    async def leave() -> None:
        for _ in range(20):
            waiting = asyncio.create_task(hold_all(organisation, [key], 300))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        release(await hold_all(organisation, [key], 400))

    asyncio.run(leave())


def test_what_costs_nothing_passes_a_cap_that_is_used_up(ledger_runtime: Runtime, organisation: str) -> None:
    holds = hold_all_blocking(organisation, [cap(organisation, 0)], 0)
    assert settle(ledger_runtime, holds, 0) == Charge(0, 0)


def test_a_cost_above_the_hold_takes_what_the_cap_has_and_is_no_loss(
    ledger_runtime: Runtime, organisation: str
) -> None:
    key = cap(organisation, 500)
    assert settle(ledger_runtime, hold_all_blocking(organisation, [key], 100), 900) == Charge(900, 0)
    assert (budget(organisation).spent_micro, budget(organisation).left_micro) == (500, 0)
    assert available(organisation) == 9_100


def test_an_item_whose_cap_cannot_be_spent_is_set_apart_whole(ledger_runtime: Runtime, organisation: str) -> None:
    good, bad = cap(organisation, 1_000, "organisation"), cap(organisation, 1_000)
    held = [hold_all_blocking(organisation, [bad, good], 100), hold_all_blocking(organisation, [good], 100)]
    leases = Lease.objects.filter(organisation_id=caps.account_now(bad))
    stored = leases.get().balance_micro
    leases.update(balance_micro=50)
    with pytest.raises(IntegrityError):
        settle(ledger_runtime, held[0], 100, "req_bad")
    settle(ledger_runtime, held[1], 100, "req_good")
    leases.update(balance_micro=stored)
    assert ledger.spent_by_request(organisation) == {"req_good": 100}
    assert queries.find_record(organisation, "req_bad") is None
    assert (budget(organisation).spent_micro, budget(organisation, "organisation").spent_micro) == (0, 100)
    release(hold_all_blocking(organisation, [bad, good], 900))


def test_a_request_that_was_charged_before_is_not_counted_again(ledger_runtime: Runtime, organisation: str) -> None:
    key = cap(organisation, 1_000)
    settle(ledger_runtime, hold_all_blocking(organisation, [key], 10), 10, "req_1")
    holds = [hold_all_blocking(organisation, [key], 100) for _ in range(3)]
    charges = [
        settle(ledger_runtime, held, 100, request_id)
        for held, request_id in zip(holds, ("a", "req_1", "b"), strict=True)
    ]
    assert [charge.charged_micro for charge in charges] == [100, 10, 100], "the second had been charged before"
    assert budget(organisation).left_micro == 1_000 - 210
    assert available(organisation) == 10_000 - 210
    ended = hold_all_blocking(organisation, [key], 50)
    release(ended)
    with pytest.raises(ValueError, match="settled or released already"):
        settle(ledger_runtime, ended, 50)
    fresh = hold_all_blocking(organisation, [], 50)
    with pytest.raises(ValueError, match="settled or released already"):
        settle(ledger_runtime, Holds(fresh.organisation, ended.budgets), 50)
    release(hold_all_blocking(organisation, [key], 790))


def test_each_month_begins_with_the_whole_cap_whatever_the_last_one_left(
    ledger_runtime: Runtime, organisation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = cap(organisation, 1_000)
    settle(ledger_runtime, hold_all_blocking(organisation, [key], 900), 900)
    running = hold_all_blocking(organisation, [key], 100)
    end = month_end(datetime.now(UTC)).timestamp()
    monkeypatch.setattr(caps, "time", SimpleNamespace(time=lambda: end - 0.001))
    with pytest.raises(KeyCapError):
        hold_all_blocking(organisation, [key], 1)
    monkeypatch.setattr(caps, "time", SimpleNamespace(time=lambda: end))
    whole = hold_all_blocking(organisation, [key], 1_000)
    settle(ledger_runtime, running, 10)  # what this leaves over belongs to the month that is gone
    with pytest.raises(KeyCapError):
        hold_all_blocking(organisation, [key], 1)
    settle(ledger_runtime, whole, 1_000)


def test_a_cap_is_raised_lowered_and_taken_away_within_the_month(ledger_runtime: Runtime, organisation: str) -> None:
    key = cap(organisation, 1_000)
    settle(ledger_runtime, hold_all_blocking(organisation, [key], 600), 600)
    assert cap(organisation, 1_500) == key
    release(hold_all_blocking(organisation, [key], 900))
    cap(organisation, 500)
    assert (budget(organisation).spent_micro, budget(organisation).left_micro) == (600, 0)
    with pytest.raises(KeyCapError):
        hold_all_blocking(organisation, [key], 1)
    cap(organisation, 650)
    release(hold_all_blocking(organisation, [key], 50))
    assert ledger.list_caps(organisation, key_id=f"key{organisation[3:]}") == (key,)
    cap(organisation, None)
    assert ledger.list_caps(organisation, key_id=f"key{organisation[3:]}") == ()
    assert ledger.list_budgets(organisation) == []


def test_running_calls_keep_what_they_hold_of_a_cap_that_is_lowered(ledger_runtime: Runtime, organisation: str) -> None:
    key = cap(organisation, 1_000)
    running = hold_all_blocking(organisation, [key], 800)
    cap(organisation, 100)
    assert settle(ledger_runtime, running, 700) == Charge(700, 0)
    assert budget(organisation).spent_micro == 700


def test_the_keys_budget_comes_before_the_organisations(ledger_runtime: Runtime, organisation: str) -> None:
    wide, narrow = cap(organisation, 100, "organisation"), cap(organisation, 100)
    assert ledger.list_caps(organisation, key_id=f"key{organisation[3:]}") == (narrow, wide)
    assert ledger.list_caps(organisation) == (wide,)
    assert ledger.list_caps(new_id("org"), key_id=f"key{organisation[3:]}") == ()


def test_a_budget_shows_nowhere_as_an_organisations_credits(ledger_runtime: Runtime, organisation: str) -> None:
    settle(ledger_runtime, hold_all_blocking(organisation, [cap(organisation, 900)], 100), 100)
    assert [entry.kind for entry in ledger.list_entries(organisation).data] == ["spend", "grant"]
    assert ledger.total_granted(organisation) == 10_000
    assert len(ledger.list_lots(organisation)) == 1
    assert list(ledger.spent_by_request(organisation).values()) == [100]
    assert available(organisation) == 9_900


def test_checking_an_organisation_finds_a_fault_in_its_budget(ledger_runtime: Runtime) -> None:
    organisation = new_id("org")
    services.grant(organisation_id=organisation, amount_micro=1_000, kind="purchase", idempotency_key="g")
    settle(ledger_runtime, hold_all_blocking(organisation, [cap(organisation, 900)], 100), 100)
    lot = Lot.objects.filter(kind="cap")
    lot.update(balance_micro=7)
    [fault] = ledger.verify(organisation)
    assert lot.get().id in fault
    assert ledger.verify() == [fault]


AMOUNTS = st.integers(1, 400)


class Caps(RuleBasedStateMachine):
    """The model: two caps with what was spent and is held under each, over a balance that is sometimes the narrower."""

    live: Runtime

    def __init__(self) -> None:
        super().__init__()
        self.organisation = new_id("org")
        self.balance = 3_000
        services.grant(
            organisation_id=self.organisation, amount_micro=self.balance, kind="purchase", idempotency_key="g"
        )
        self.ids = [cap(self.organisation, 500), cap(self.organisation, 900, "organisation")]
        self.caps = [500, 900]
        self.spent = [0, 0]
        self.running: list[Any] = []

    def left(self, which: int) -> int:
        return self.caps[which] - self.spent[which] - sum(held.organisation.amount_micro for held in self.running)

    def free(self) -> int:
        return self.balance - sum(held.organisation.amount_micro for held in self.running)

    @rule(amount=AMOUNTS)
    def hold(self, amount: int) -> None:
        covered = amount <= min(self.left(0), self.left(1), self.free())
        try:
            holds = hold_all_blocking(self.organisation, self.ids, amount)
        except KeyCapError:
            assert amount > self.left(0)
        except BudgetError:
            assert self.left(1) < amount <= self.left(0)
        except InsufficientCreditsError:
            assert self.free() < amount <= min(self.left(0), self.left(1))
        else:
            assert covered
            self.running.append(holds)

    @precondition(lambda self: self.running)
    @rule(cost=st.integers(0, 600), give_back=st.booleans())
    def end(self, cost: int, give_back: bool) -> None:
        holds = self.running.pop()
        held = holds.organisation.amount_micro
        if give_back:
            release(holds)
            return
        counted = [min(cost, held + max(0, self.left(which) - held)) for which in (0, 1)]
        paid = min(cost, self.free())
        assert settle(self.live, holds, cost) == Charge(paid, cost - paid)
        self.balance -= paid
        self.spent = [spent + count for spent, count in zip(self.spent, counted, strict=True)]

    @precondition(lambda self: not self.running)
    @rule(which=st.integers(0, 1), amount=st.integers(0, 1_500))
    def change(self, which: int, amount: int) -> None:
        cap(self.organisation, amount, "organisation" if which else "key")
        self.caps[which] = amount

    @rule(which=st.integers(0, 1), amount=AMOUNTS)
    def another_process_leases_and_dies(self, which: int, amount: int) -> None:
        stranger = processes.open_process()
        leasing.take(stranger, [Want(caps.account_now(self.ids[which]), (amount,))])
        processes.close_process(stranger)

    @invariant()
    def books_agree(self) -> None:
        found = {budget.scope: budget for budget in ledger.list_budgets(self.organisation)}
        assert [found["key"].spent_micro, found["organisation"].spent_micro] == self.spent
        assert ledger.verify(self.organisation) == []
        assert queries.verify(self.organisation) == []

    def teardown(self) -> None:
        for holds in self.running:
            release(holds)


def test_any_history_of_two_caps_agrees_with_a_simple_model(ledger_runtime: Runtime) -> None:
    machine = type("Machine", (Caps,), {"live": ledger_runtime})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=checks),
    )
