"""Caps that several processes spend from: exactly what they cover is served, whatever the balance and who dies."""

from collections import Counter
from typing import Any

import pytest

from patchbay.lib.ids import new_id
from tests.kernel.usage.test_processes import Spawn, available, burst, grant, read, sound
from tests.processes import LedgerProcess

TEN = {"count": 50, "hold": 75, "cost": 75}  # over four processes: 200 at once


def cap(process: LedgerProcess, organisation: str, cap_micro: int | None, scope: str = "key") -> str:
    scope_id = organisation if scope == "organisation" else f"key_{organisation}"[:40]
    arguments = {"organisation_id": organisation, "scope": scope, "scope_id": scope_id, "cap_micro": cap_micro}
    budget: str = process.ask("run", door="ledger.services", function="set_budget", arguments=arguments)
    return budget


def budgets(process: LedgerProcess, organisation: str) -> dict[str, Any]:
    return {found["scope"]: found for found in read(process, organisation, "list_budgets")}  # type: ignore[attr-defined]


def test_a_cap_for_ten_calls_that_hold_twenty_times_their_cost_serves_ten(
    crew: list[LedgerProcess], organisation: str
) -> None:
    grant(crew[0], organisation, 1_000_000)
    budget = cap(crew[0], organisation, 1_500 + 9 * 75)
    ends = burst(crew, organisation, count=50, hold=1_500, cost=75, work_ms=2, budgets=[budget])
    assert ends == Counter(served=10, key_cap_reached=190)
    assert available(crew[0], organisation) == 1_000_000 - 750
    assert sound(crew[0], organisation)


@pytest.mark.parametrize("work_ms", [0, 20])
@pytest.mark.parametrize("spare", [0, 74], ids=["exactly ten", "and a rest"])
def test_two_hundred_at_once_over_four_processes_on_a_cap_for_ten_are_ten(
    crew: list[LedgerProcess], organisation: str, spare: int, work_ms: float
) -> None:
    grant(crew[0], organisation, 1_000_000)
    budget = cap(crew[0], organisation, 750 + spare)
    ends = burst(crew, organisation, **TEN, work_ms=work_ms, budgets=[budget])
    assert ends == Counter(served=10, key_cap_reached=190)
    assert available(crew[0], organisation) == 1_000_000 - 750
    assert budgets(crew[1], organisation)["key"]["left_micro"] == spare
    assert budgets(crew[1], organisation)["key"]["spent_micro"] == 750
    assert sound(crew[0], organisation)


def test_a_balance_below_the_cap_is_shared_as_exactly(crew: list[LedgerProcess], organisation: str) -> None:
    grant(crew[0], organisation, 300)
    budget = cap(crew[0], organisation, 750)
    ends = burst(crew, organisation, **TEN, budgets=[budget])
    assert ends["served"] == 4
    assert ends.total() == 200
    assert available(crew[0], organisation) == 0
    assert budgets(crew[0], organisation)["key"]["spent_micro"] == 300
    assert sound(crew[0], organisation)


def test_requests_that_a_cap_refuses_keep_no_credits_from_others(crew: list[LedgerProcess], organisation: str) -> None:
    """Ten of the capped key's 150 and all 50 without a cap are what the balance covers: nobody else is in the way."""
    grant(crew[0], organisation, 75 * 60)
    budget = cap(crew[0], organisation, 750)
    for process in crew[:3]:
        process.send("burst", organisation=organisation, **TEN, work_ms=5, budgets=[budget])
    crew[3].send("burst", organisation=organisation, **TEN, work_ms=5)
    ends = [Counter(process.receive()) for process in crew]
    assert sum(ends[:3], Counter()) == Counter(served=10, key_cap_reached=140)
    assert ends[3] == Counter(served=50)
    assert available(crew[0], organisation) == 0
    assert sound(crew[0], organisation)


def test_the_narrower_of_two_caps_decides_and_both_count(crew: list[LedgerProcess], organisation: str) -> None:
    grant(crew[0], organisation, 1_000_000)
    both = [cap(crew[0], organisation, 1_500), cap(crew[0], organisation, 750, "organisation")]
    ends = burst(crew, organisation, **TEN, work_ms=5, budgets=both)
    assert ends["served"] == 10
    assert ends.keys() <= {"served", "key_cap_reached", "budget_reached"}
    assert {scope: found["left_micro"] for scope, found in budgets(crew[0], organisation).items()} == {
        "key": 750,
        "organisation": 0,
    }
    assert sound(crew[0], organisation)


def test_what_holds_leave_over_serves_others_under_the_cap(crew: list[LedgerProcess], organisation: str) -> None:
    grant(crew[0], organisation, 1_000_000)
    budget = cap(crew[0], organisation, 1_200)
    for _ in range(4):
        assert burst(crew[:3], organisation, count=3, hold=100, cost=10, budgets=[budget]) == Counter(served=9)
    assert budgets(crew[0], organisation)["key"]["left_micro"] == 1_200 - 36 * 10
    assert sound(crew[0], organisation)


def test_what_a_killed_process_held_of_a_cap_returns_and_nothing_else(spawn: Spawn, organisation: str) -> None:
    victim, other = spawn(), spawn()
    grant(other, organisation, 1_000_000)
    budget = cap(other, organisation, 1_000)
    assert victim.ask("burst", organisation=organisation, count=3, hold=100, cost=100, budgets=[budget]) == {
        "served": 3
    }
    assert victim.ask("keep", organisation=organisation, name="call", amount=600, budgets=[budget]) == "held"
    victim.send("burst", organisation=organisation, count=50, hold=10, cost=10, budgets=[budget])
    victim.kill()  # in the middle of its settles
    spent = 1_000_000 - available(other, organisation)
    left = 1_000 - spent
    assert 0 < left <= 700
    assert other.ask("keep", organisation=organisation, name="most", amount=left, budgets=[budget]) == "held"
    assert other.ask("keep", organisation=organisation, name="more", amount=left + 1, budgets=[budget]) == (
        "key_cap_reached"
    )
    assert other.ask("settle", name="most", cost=left, request=new_id("req")) == "settled"
    assert budgets(other, organisation)["key"]["spent_micro"] == 1_000
    assert sound(other, organisation)


def test_a_cap_that_is_lowered_calls_back_what_processes_lease_of_it(
    crew: list[LedgerProcess], organisation: str
) -> None:
    rich, other = crew[:2]
    grant(rich, organisation, 1_000_000)
    budget = cap(rich, organisation, 100_000)
    assert rich.ask("burst", organisation=organisation, count=50, hold=10, cost=10, budgets=[budget]) == {"served": 50}
    cap(other, organisation, 700)
    assert other.ask("keep", organisation=organisation, name="rest", amount=200, budgets=[budget]) == "held"
    for process in (rich, other):
        refused = process.ask("keep", organisation=organisation, name="more", amount=201, budgets=[budget])
        assert refused == "key_cap_reached"
    cap(other, organisation, 701)
    assert rich.ask("keep", organisation=organisation, name="more", amount=1, budgets=[budget]) == "held"
    assert sound(rich, organisation)
