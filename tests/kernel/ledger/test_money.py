"""Any sequence of what can happen to credits agrees with a simple model, and every balance with its entries."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from patchbay.kernel.ledger import queries, services
from patchbay.kernel.ledger.contracts import Want
from patchbay.kernel.ledger.engine import leasing, processes
from patchbay.kernel.ledger.errors import InsufficientCreditsError
from patchbay.kernel.usage.contracts import Settlement, UsageRecord
from patchbay.kernel.usage.runtime import Runtime
from patchbay.lib.ids import new_id

AMOUNTS = st.integers(1, 500)


class Money(RuleBasedStateMachine):
    """The model: credits in (`total`), what is owed, durable holds and holds in this process by amount."""

    live: Runtime

    def __init__(self) -> None:
        super().__init__()
        self.organisation = new_id("org")
        self.number = 0
        self.total = 0  # everything unspent, wherever it is
        self.owed = 0
        self.durable: dict[str, int] = {}
        self.leased: list[tuple[Any, int]] = []
        self.stranger = processes.open_process()  # another process, which leases and does not answer by itself
        self.strange = 0

    def key(self) -> str:
        self.number += 1
        return f"key-{self.number}"

    @property
    def free(self) -> int:
        return self.total - sum(self.durable.values()) - sum(amount for _, amount in self.leased) - self.strange

    def receive(self, amount: int) -> None:
        paid = min(self.owed, amount)
        self.owed -= paid
        self.total += amount - paid

    @rule(amount=AMOUNTS, twice=st.booleans())
    def grant(self, amount: int, twice: bool) -> None:
        key = self.key()
        for _ in range(2 if twice else 1):
            services.grant(organisation_id=self.organisation, amount_micro=amount, kind="promo", idempotency_key=key)
        self.receive(amount)

    @rule(amount=AMOUNTS, twice=st.booleans())
    def hold_durably(self, amount: int, twice: bool) -> None:
        key = self.key()
        try:
            for _ in range(2 if twice else 1):
                view = services.hold(
                    organisation_id=self.organisation, amount_micro=amount, idempotency_key=key, seconds=60
                )
        except InsufficientCreditsError:
            assert amount > self.free
        else:
            assert amount <= self.free
            self.durable[view.id] = amount

    @precondition(lambda self: self.durable)
    @rule(cost=st.integers(0, 700), release=st.booleans())
    def end_durable(self, cost: int, release: bool) -> None:
        hold_id, amount = self.durable.popitem()
        if release:
            services.release_hold(organisation_id=self.organisation, hold_id=hold_id)
        else:
            charge = services.settle_hold(organisation_id=self.organisation, hold_id=hold_id, cost_micro=cost)
            assert charge.charged_micro + charge.loss_micro == cost
            assert charge.charged_micro >= min(cost, amount)
            self.total -= charge.charged_micro
        self.settle_debt()

    @rule(amount=AMOUNTS)
    def hold(self, amount: int) -> None:
        try:
            hold = self.live.book.hold_blocking(self.organisation, amount)
        except InsufficientCreditsError:
            assert amount > self.free
        else:
            assert amount <= self.free
            self.leased.append((hold, amount))

    @precondition(lambda self: self.leased)
    @rule(cost=st.integers(0, 700), release=st.booleans(), twice=st.booleans())
    def end_hold(self, cost: int, release: bool, twice: bool) -> None:
        hold, amount = self.leased.pop()
        if release:
            self.live.book.release(hold)
            return
        record = UsageRecord(request_id=new_id("req"), organisation_id=self.organisation)
        charge = self.live.writer.submit(Settlement(hold, cost, record)).result(10)
        if twice:
            again = self.live.writer.submit(Settlement(None, cost, record)).result(10)
            assert (again.charged_micro, again.loss_micro) == (charge.charged_micro, charge.loss_micro)
        assert charge.charged_micro + charge.loss_micro == cost
        assert charge.charged_micro >= min(cost, amount)
        self.total -= charge.charged_micro

    @rule(amount=AMOUNTS)
    def claw_back(self, amount: int) -> None:
        key = self.key()
        taken = services.clawback(organisation_id=self.organisation, amount_micro=amount, idempotency_key=key)
        again = services.clawback(organisation_id=self.organisation, amount_micro=amount, idempotency_key=key)
        assert taken == again
        assert taken.charged_micro + taken.loss_micro == amount
        self.total -= taken.charged_micro
        self.owed += taken.loss_micro

    @precondition(lambda self: not self.strange)
    @rule(amount=AMOUNTS)
    def another_process_leases_and_dies(self, amount: int) -> None:
        taken = leasing.take(self.stranger, [Want(self.organisation, (amount,))])[0]
        processes.close_process(self.stranger)
        self.stranger = processes.open_process()
        assert taken.amount_micro in (0, amount)
        self.settle_debt()

    def settle_debt(self) -> None:
        """What returns to the lots pays what is owed first; read how much that was."""
        balance = queries.get_balance(self.organisation)
        paid = self.total - balance.available_micro - balance.held_micro
        assert 0 <= paid <= self.owed
        self.owed -= paid
        self.total -= paid

    @invariant()
    def balances_agree(self) -> None:
        self.settle_debt()
        balance = queries.get_balance(self.organisation)
        assert balance.available_micro + balance.held_micro == self.total
        assert balance.held_micro == sum(self.durable.values())
        assert queries.verify(self.organisation) == []

    def teardown(self) -> None:
        for hold, _ in self.leased:
            self.live.book.release(hold)
        processes.close_process(self.stranger)


@pytest.mark.django_db(transaction=True)
def test_any_history_adds_up(ledger_runtime: Runtime) -> None:
    machine = type("Machine", (Money,), {"live": ledger_runtime})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=checks),
    )
