"""Leases of thousands of organisations: taken and returned together, looked at when their time comes."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patchbay.kernel.ledger import queries, services
from patchbay.kernel.ledger.contracts import Taken, Want
from patchbay.kernel.ledger.engine import drawing, leasing, processes
from patchbay.kernel.ledger.errors import FencedError
from patchbay.kernel.ledger.leases import LeaseBook, book
from patchbay.kernel.ledger.models import Draw, Lease
from patchbay.lib.ids import new_id


def organisation(*amounts: int, seconds: float | None = None) -> str:
    """Make an organisation with a lot of each amount; the first expires after `seconds`."""
    name = new_id("org")
    for number, amount in enumerate(amounts):
        expires_at = services.database_now() + timedelta(seconds=seconds) if seconds and not number else None
        services.grant(
            organisation_id=name, amount_micro=amount, kind="promo", idempotency_key=str(number), expires_at=expires_at
        )
    return name


@pytest.fixture
def process() -> str:
    return processes.open_process()


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 60])
def test_a_hundred_leases_cost_few_statements_and_every_balance_is_sound(count: int, process: str) -> None:
    names = [organisation(1_000, 500) for _ in range(count)]
    for rest, expected in ((1_200, 800), (0, 0)):
        with CaptureQueriesContext(connection) as captured:
            answers = leasing.take(process, [Want(name, (700,), 0, 0) for name in names if rest])
        assert len(captured) <= 20
        assert all(answer.amount_micro == 700 and not answer.short for answer in answers)
        assert all(answer.free_micro == expected for answer in answers)
    leases = {lease.organisation_id: lease for lease in Lease.objects.filter(organisation_id__in=names)}
    with CaptureQueriesContext(connection) as captured:
        leasing.give_back(process, [(name, leases[name].id, 600) for name in names], {})
    assert len(captured) <= 20
    assert set(Lease.objects.values_list("balance_micro", flat=True)) == {100}
    for name in names:
        assert queries.get_balance(name).available_micro == 1_500
    assert queries.verify() == []


@pytest.mark.django_db
def test_each_gets_its_own_answer_though_all_are_asked_together(process: str) -> None:
    rich, poor, expiring = organisation(1_000_000), organisation(100), organisation(50, 1_000, seconds=60)
    stranger = processes.open_process()
    leasing.take(stranger, [Want(poor, (60,))])
    wants = [Want(rich, (10, 20), 5, 640), Want(poor, (30, 30, 10)), Want(expiring, (200,))]
    by_name = {answer.organisation_id: answer for answer in leasing.take(process, wants)}
    assert (by_name[rich].amount_micro, by_name[rich].scarce, by_name[rich].others) == (25 + 640, False, ())
    assert (by_name[poor].amount_micro, by_name[poor].free_micro, by_name[poor].short) == (40, 0, True)
    assert len(by_name[poor].others) == 1
    assert by_name[expiring].usable_seconds == pytest.approx(60, abs=5)
    assert by_name[rich].usable_seconds is None
    assert queries.verify() == []


@pytest.mark.django_db
def test_what_was_drawn_twice_from_a_lot_returns_last_first(process: str) -> None:
    name = organisation(100, 100)
    lease = ""
    for need in (60, 60, 40):
        (answer,) = leasing.take(process, [Want(name, (need,))])
        lease = answer.lease_id
    assert list(Draw.objects.order_by("id").values_list("amount_micro", flat=True)) == [100, 60]
    leasing.give_back(process, [(name, lease, 70)], {})
    assert list(Draw.objects.order_by("id").values_list("amount_micro", flat=True)) == [90]
    with pytest.raises(ValueError, match="more was asked for"):
        drawing.give_back([drawing.Drawing(name, lease, 91)], services.database_now())


@pytest.mark.django_db
def test_a_debt_is_paid_from_what_returns_and_what_expired_does_not(process: str) -> None:
    owing, expired = organisation(100), organisation(100, seconds=3600)
    answers = {a.organisation_id: a for a in leasing.take(process, [Want(owing, (100,)), Want(expired, (100,))])}
    services.clawback(organisation_id=owing, amount_micro=30, idempotency_key="back")
    queries.Lot.objects.filter(organisation_id=expired).update(expires_at=services.database_now())
    leasing.give_back(process, [(name, answers[name].lease_id, 100) for name in (owing, expired)], {})
    assert queries.get_balance(owing).available_micro == 70
    assert queries.get_balance(expired).available_micro == 0
    assert queries.verify() == []


@pytest.mark.django_db
def test_a_dead_process_of_many_organisations_leaves_nothing_behind(process: str) -> None:
    names = [organisation(100) for _ in range(processes._AT_ONCE + 5)]
    leasing.take(process, [Want(name, (40,)) for name in names])
    processes.close_process(process)
    assert queries.total_leased(names[0]) == 0
    assert not Lease.objects.filter(balance_micro__gt=0).exists()
    assert all(queries.get_balance(name).available_micro == 100 for name in names)
    assert queries.verify() == []
    with pytest.raises(FencedError):
        leasing.take(process, [Want(names[0], (1,))])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(book.time, "monotonic", lambda: now[0])
    return now


def fill(leases: LeaseBook, *names: str, usable: float | None = None) -> None:
    """Have each organisation lease 100 and settle a hold of 10 with 1."""
    for name in names:
        waiter = book.Waiter(10, lambda outcome: None, 0.0)
        leases._enqueue(name, waiter)
        leases.add(leases._leases[name], Taken(name, f"lease_{name}", 100, 0, False, False, usable, ()))
        assert waiter.hold
        leases.finish_settles([(waiter.hold, 1)])


def use(leases: LeaseBook, *names: str) -> None:
    for name in names:
        hold = leases._try(name, 10)
        assert hold
        leases.release(hold)


def give_back(leases: LeaseBook) -> list[str]:
    """Return who is to give back now, having given back."""
    found = leases.collect_returns(())
    leases.withdraw(found)
    leases.drop_empty(found)
    return [lease.organisation_id for lease in found]


@pytest.fixture
def leases() -> LeaseBook:
    leases = LeaseBook(lambda: None)
    leases.refuse(None)
    return leases


def test_a_quarter_of_an_hour_of_ten_thousand_leases_costs_no_burst(leases: LeaseBook, clock: list[float]) -> None:
    """All are used within the same ten seconds; half of them go on, once in a minute."""
    names = [f"org_{number}" for number in range(10_000)]
    busy, idle = names[::2], set(names[1::2])
    for start in range(0, 10_000, 1_000):
        fill(leases, *names[start : start + 1_000])
        clock[0] += 1
    looked, gone = leases._looked, set()
    for turn in range(25 * 900):
        clock[0] += 0.04
        returned = give_back(leases)
        assert len(returned) <= book.RETURNS_AT_ONCE
        gone.update(returned)
        if turn % 1_500 == 0:
            use(leases, *busy)
    assert gone == idle, "who is in use keeps its lease"
    assert set(leases._leases) == set(busy)
    assert leases._looked - looked <= 3 * len(names), "each is looked at once in minutes, not in every turn"


def test_an_idle_lease_returns_and_is_forgotten(leases: LeaseBook, clock: list[float]) -> None:
    fill(leases, "org")
    clock[0] += book.IDLE_SECONDS
    assert give_back(leases) == []
    clock[0] += book.LOOK_SECONDS
    assert give_back(leases) == ["org"]
    assert not leases.has_leases()


def test_a_lease_returns_when_its_lot_expires_and_so_does_what_its_holds_leave(
    leases: LeaseBook, clock: list[float]
) -> None:
    fill(leases, "org", usable=40)
    hold: Any = leases._try("org", 10)
    clock[0] += 39
    assert give_back(leases) == []
    clock[0] += 1
    assert give_back(leases) == ["org"]
    leases.release(hold)
    clock[0] += book.IDLE_SECONDS
    assert give_back(leases) == ["org"]
    assert not leases.has_leases()


def test_a_scarce_lease_returns_with_the_next_turn(leases: LeaseBook, clock: list[float]) -> None:
    fill(leases, "org", "other")
    found = leases.collect_returns(["org", "unknown"])
    assert [lease.organisation_id for lease in found] == ["org"]
    leases.withdraw(found)
    leases.drop_empty(found)
    assert set(leases._leases) == {"other"}
