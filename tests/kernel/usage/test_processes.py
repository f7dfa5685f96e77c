"""Several processes spend from one balance: exact sharing, no wrong refusal, fencing, and recovery from a kill."""

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable

import pytest

from patchbay.lib.ids import new_id
from tests.kernel.usage.conftest import SharedDatabase
from tests.processes import LedgerProcess

Spawn = Callable[..., LedgerProcess]


def grant(process: LedgerProcess, organisation: str, amount: int, **more: object) -> None:
    arguments = {"organisation_id": organisation, "amount_micro": amount, "kind": "purchase", "idempotency_key": "g"}
    process.ask("run", door="ledger.services", function="grant", arguments=arguments | more)


def read(process: LedgerProcess, organisation: str, function: str, door: str = "ledger.queries") -> object:
    arguments = {"organisation_id": organisation}
    return process.ask("run", door=door, function=function, arguments=arguments)


def sound(process: LedgerProcess, organisation: str) -> bool:
    faults = [read(process, organisation, "verify", door) for door in ("ledger.queries", "usage.queries")]
    assert faults == [[], []]
    return True


def available(process: LedgerProcess, organisation: str) -> int:
    return read(process, organisation, "get_balance")["available_micro"]  # type: ignore[index, no-any-return]


def burst(processes: list[LedgerProcess], organisation: str, **arguments: object) -> Counter[str]:
    for process in processes:
        process.send("burst", organisation=organisation, **arguments)
    total: Counter[str] = Counter()
    for process in processes:
        total.update(process.receive())
    return total


def pause_outside_transactions(process: LedgerProcess, shared: SharedDatabase) -> None:
    """Stop a process while it does not hold SQLite's one write lock: who stops with that stops every writer."""
    for _ in range(50):
        process.pause()
        if not shared.url.startswith("sqlite"):
            return
        with contextlib.closing(sqlite3.connect(shared.url.removeprefix("sqlite://"), timeout=0.2)) as probe:
            try:
                probe.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.resume()
            else:
                return
    raise AssertionError("the process is always in a transaction")


@pytest.mark.parametrize(
    ("balance", "each", "cost", "work_ms"),
    [(500, 5, 75, 0), (75 * 400 + 50, 250, 75, 0), (75 * 400 + 50, 250, 75, 20), (1_000_000, 250, 75, 0)],
    ids=["20 holds of 75 on 500", "1000 holds", "1000 holds that work for a while", "plenty for all"],
)
def test_four_processes_serve_exactly_what_the_balance_covers(
    crew: list[LedgerProcess], organisation: str, balance: int, each: int, cost: int, work_ms: float
) -> None:
    grant(crew[0], organisation, balance)
    ends = burst(crew, organisation, count=each, hold=cost, cost=cost, work_ms=work_ms)
    served = min(balance // cost, 4 * each)
    assert ends == Counter({"served": served, "insufficient_credits": 4 * each - served}) - Counter()
    assert available(crew[0], organisation) == balance - served * cost
    assert sound(crew[0], organisation)


def test_what_holds_leave_over_serves_others(crew: list[LedgerProcess], organisation: str) -> None:
    """Holds of 100 that cost 10: nobody is refused in the end while the rest of others' holds covers them."""
    grant(crew[0], organisation, 1_200)
    for _ in range(4):
        assert burst(crew[:3], organisation, count=3, hold=100, cost=10) == Counter(served=9)
    assert available(crew[0], organisation) == 1_200 - 36 * 10
    assert sound(crew[0], organisation)


@pytest.mark.parametrize(("hold", "cost"), [(75, 5), (1_500, 75)], ids=["15 times", "20 times"])
def test_who_holds_far_more_than_the_cost_keeps_nobody_from_credits(
    crew: list[LedgerProcess], organisation: str, hold: int, cost: int
) -> None:
    """Credits for exactly ten calls, of which one alone holds the most: 200 at once, over four processes, are ten."""
    grant(crew[0], organisation, hold + 9 * cost)
    ends = burst(crew, organisation, count=50, hold=hold, cost=cost, work_ms=2)
    assert ends == Counter(served=10, insufficient_credits=190)
    assert available(crew[0], organisation) == hold - cost
    assert sound(crew[0], organisation)


def test_nobody_is_refused_while_another_process_leases_idle_credit(
    crew: list[LedgerProcess], organisation: str
) -> None:
    rich, poor = crew[:2]
    grant(rich, organisation, 1_000_000)
    assert rich.ask("burst", organisation=organisation, count=50, hold=100, cost=100) == {"served": 50}
    assert read(rich, organisation, "total_leased") != 0
    assert poor.ask("keep", organisation=organisation, name="all", amount=1_000_000 - 5_000) == "held"
    assert rich.ask("keep", organisation=organisation, name="more", amount=995_001) == "insufficient_credits"


def test_a_durable_hold_recalls_leases_too(crew: list[LedgerProcess], organisation: str) -> None:
    rich, poor = crew[:2]
    grant(rich, organisation, 1_000_000)
    rich.ask("burst", organisation=organisation, count=1, hold=100, cost=100)
    assert read(rich, organisation, "total_leased") != 0
    hold = {
        "organisation_id": organisation,
        "amount_micro": 999_900,
        "idempotency_key": "h",
        "seconds": 60,
    }
    poor.ask("run", door="ledger.services", function="hold", arguments=hold)
    assert read(poor, organisation, "get_balance") == {"available_micro": 0, "held_micro": 999_900}


def test_a_process_that_slept_past_its_lease_is_fenced(spawn: Spawn, shared: SharedDatabase, organisation: str) -> None:
    sleeper, other = spawn(ttl=2.0), spawn(ttl=2.0)
    grant(other, organisation, 1_000)
    assert sleeper.ask("keep", organisation=organisation, name="call", amount=600) == "held"
    pause_outside_transactions(sleeper, shared)
    # The sleeper's 600 are needed: they come back only when its heartbeat is too old.
    assert other.ask("keep", organisation=organisation, name="all", amount=1_000) == "held"
    sleeper.resume()
    assert sleeper.ask("settle", name="call", cost=600, request=new_id("req")) == "fenced"
    assert other.ask("settle", name="all", cost=900, request=new_id("req")) == "settled"
    assert sleeper.ask("keep", organisation=organisation, name="anew", amount=100) == "held"
    assert sleeper.ask("settle", name="anew", cost=100, request=new_id("req")) == "settled"
    assert available(other, organisation) == 0
    assert sound(other, organisation)


def test_a_process_that_sleeps_in_a_transaction_does_not_keep_its_locks_for_ever(
    crew_postgresql: list[LedgerProcess],
) -> None:
    assert crew_postgresql[0].ask("read_value", sql="SHOW idle_in_transaction_session_timeout") == "15s"


def test_leases_of_a_killed_process_return(spawn: Spawn, organisation: str) -> None:
    victim, other = spawn(), spawn()
    grant(other, organisation, 1_000)
    assert victim.ask("keep", organisation=organisation, name="call", amount=700) == "held"
    victim.kill()
    started = time.monotonic()
    assert other.ask("keep", organisation=organisation, name="all", amount=1_000) == "held"
    assert time.monotonic() - started < 5, "a process that is gone from this machine need not time out"
    assert sound(other, organisation)


def test_a_stopped_process_leaves_nothing_leased(spawn: Spawn, organisation: str) -> None:
    process, other = spawn(), spawn()
    grant(process, organisation, 10_000)
    process.ask("burst", organisation=organisation, count=3, hold=10, cost=10)
    process.close()
    assert read(other, organisation, "total_leased") == 0
    assert available(other, organisation) == 9_970
