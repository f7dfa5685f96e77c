"""Grants, durable holds, clawbacks and expiry: the ledger without leases."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from patchbay.kernel.events.models import OutboxEvent
from patchbay.kernel.ledger import queries, services
from patchbay.kernel.ledger.contracts import Balance, Charge, GrantKind, LotView
from patchbay.kernel.ledger.errors import HoldClosedError, InsufficientCreditsError, KeyReusedError
from patchbay.kernel.ledger.models import Entry, Hold, Lot
from patchbay.lib.errors import InvalidError, NotFoundError

pytestmark = pytest.mark.django_db

ORGANISATION = "org_a"


def grant(amount: int, key: str = "g", *, kind: GrantKind = "purchase", days: float | None = None) -> LotView:
    expires_at = None if days is None else timezone.now() + timedelta(days=days)
    return services.grant(
        organisation_id=ORGANISATION, amount_micro=amount, kind=kind, idempotency_key=key, expires_at=expires_at
    )


def hold(amount: int, key: str = "h", seconds: float = 60) -> str:
    view = services.hold(organisation_id=ORGANISATION, amount_micro=amount, idempotency_key=key, seconds=seconds)
    return view.id


def settle(hold_id: str, cost: int) -> Charge:
    return services.settle_hold(organisation_id=ORGANISATION, hold_id=hold_id, cost_micro=cost)


def balance() -> tuple[int, int]:
    found = queries.get_balance(ORGANISATION)
    assert queries.verify() == []
    return found.available_micro, found.held_micro


def left() -> dict[str, int]:
    return {lot.id: lot.balance_micro for lot in queries.list_lots(ORGANISATION)}


def test_an_organisation_without_grants_has_nothing() -> None:
    assert queries.get_balance("org_unknown") == Balance(0, 0)


def test_a_grant_counts_once_by_its_key() -> None:
    assert grant(100).id == grant(100).id
    assert balance() == (100, 0)
    with pytest.raises(KeyReusedError):
        grant(101)


def test_lots_are_drawn_by_priority_then_earliest_expiry() -> None:
    forever = grant(10, "forever", kind="allowance")
    late = grant(10, "late", kind="allowance", days=20)
    soon = grant(10, "soon", kind="allowance", days=10)
    bought = grant(10, "bought", kind="purchase", days=1)
    assert [lot.id for lot in queries.list_lots(ORGANISATION)] == [soon.id, late.id, forever.id, bought.id]
    hold(25)
    assert left() == {forever.id: 5, bought.id: 10}


def test_a_hold_sets_credits_apart_and_settles_for_what_it_cost() -> None:
    grant(100)
    first = hold(60)
    assert balance() == (40, 60)
    with pytest.raises(InsufficientCreditsError):
        hold(41, "second")
    assert settle(first, 35) == Charge(35, 0)
    assert settle(first, 35) == Charge(35, 0)
    assert balance() == (65, 0)
    with pytest.raises(HoldClosedError):
        settle(first, 36)
    with pytest.raises(HoldClosedError):
        services.release_hold(organisation_id=ORGANISATION, hold_id=first)


def test_a_cost_above_the_hold_comes_from_the_balance_and_then_from_the_platform() -> None:
    grant(100)
    assert settle(hold(30), 80) == Charge(80, 0)
    assert settle(hold(10, "again"), 50) == Charge(20, 30)
    assert balance() == (0, 0)


def test_a_hold_comes_once_by_its_key_and_ends_when_released_or_expired() -> None:
    grant(100)
    assert hold(60) == hold(60)
    with pytest.raises(KeyReusedError):
        hold(61)
    services.release_hold(organisation_id=ORGANISATION, hold_id=hold(60))
    services.release_hold(organisation_id=ORGANISATION, hold_id=hold(60))
    assert balance() == (100, 0)
    brief = hold(100, "brief", seconds=-1)
    assert hold(100, "next")  # an overdue hold does not stand in the way
    with pytest.raises(HoldClosedError):
        settle(brief, 1)


def test_a_hold_is_seen_by_its_organisation_alone() -> None:
    grant(100)
    mine = hold(60)
    with pytest.raises(NotFoundError):
        queries.get_hold("org_b", mine)
    with pytest.raises(NotFoundError):
        services.settle_hold(organisation_id="org_b", hold_id=mine, cost_micro=1)


def test_expired_credit_cannot_be_held_but_a_hold_made_in_time_is_honoured() -> None:
    lot = grant(100, days=1)
    in_time = hold(40)
    Lot.objects.filter(id=lot.id).update(expires_at=timezone.now())
    assert balance() == (0, 40)
    with pytest.raises(InsufficientCreditsError):
        hold(1, "late")
    assert services.expire_due() == 1
    assert settle(in_time, 30) == Charge(30, 0)
    assert balance() == (0, 0)
    assert Entry.objects.filter(kind="expire").count() == 2  # the 60 that were free, the 10 that came back late


def test_the_expiry_job_frees_overdue_holds() -> None:
    grant(100)
    hold(100, seconds=-1)
    assert services.expire_due() == 1
    assert balance() == (100, 0)
    assert services.expire_due() == 0


def test_a_clawback_takes_what_is_free_and_the_rest_is_paid_by_what_comes_in() -> None:
    grant(100)
    held = hold(70)
    arguments = {"organisation_id": ORGANISATION, "amount_micro": 80, "idempotency_key": "refund"}
    assert services.clawback(**arguments) == Charge(30, 50)
    assert services.clawback(**arguments) == Charge(30, 50)
    assert grant(20, "more").balance_micro == 0
    services.release_hold(organisation_id=ORGANISATION, hold_id=held)
    assert balance() == (40, 0)
    with pytest.raises(KeyReusedError):
        services.clawback(**(arguments | {"amount_micro": 1}))


@pytest.mark.parametrize("amount", [0, -1])
def test_amounts_must_be_positive(amount: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        grant(amount)
    with pytest.raises(ValueError, match="positive"):
        hold(amount)


def test_the_database_itself_refuses_what_must_not_be() -> None:
    lot = grant(100)
    hold_id = hold(10)
    refused = [
        lambda: Entry.objects.update(amount_micro=1),
        lambda: Entry.objects.all().delete(),
        lambda: Lot.objects.filter(id=lot.id).update(balance_micro=-1),
        lambda: Lot.objects.filter(id=lot.id).update(balance_micro=101),
        lambda: Hold.objects.filter(id=hold_id).update(balance_micro=-1),
    ]
    for change in refused:
        with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
            change()
    assert balance() == (90, 10)


def test_verify_finds_a_balance_that_its_entries_do_not_make() -> None:
    lot = grant(100)
    Lot.objects.filter(id=lot.id).update(balance_micro=99)
    assert queries.verify() == [f"{lot.id}: stores 99, its entries make 100"]


def test_the_history_has_what_came_and_went_newest_first_in_pages() -> None:
    grant(100)
    settle(hold(60), 35)
    services.clawback(organisation_id=ORGANISATION, amount_micro=5, idempotency_key="c", reason="refund")
    first = queries.list_entries(ORGANISATION, limit=2)
    assert [(entry.kind, entry.amount_micro) for entry in first.data] == [("clawback", -5), ("spend", -35)]
    rest = queries.list_entries(ORGANISATION, limit=2, cursor=first.next_cursor)
    assert [(entry.kind, entry.amount_micro) for entry in rest.data] == [("grant", 100)]
    assert rest.next_cursor is None
    assert queries.list_entries("org_b").data == []
    with pytest.raises(InvalidError):
        queries.list_entries(ORGANISATION, cursor="???")


def test_a_hold_that_is_settled_for_more_than_there_is_is_an_event_for_operators() -> None:
    grant(100)
    assert settle(hold(60), 250) == Charge(100, 150)
    event = OutboxEvent.objects.get()
    assert (event.organisation_id, event.type) == (ORGANISATION, "ledger.platform_loss")
    assert event.payload == {"request_id": "", "amount_micro": 150}
    assert balance() == (0, 0)
