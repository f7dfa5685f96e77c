"""The monthly credits: once a month for each organisation, by its own months."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from patchbay.kernel.accounts import allowances
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.ledger import services as ledger_services
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans import services as plan_services
from patchbay.lib.ids import new_id
from patchbay.lib.money import MICRO
from tests import factories

pytestmark = pytest.mark.django_db


def granted(organisation_id: str) -> list[int]:
    return [lot.amount_micro // MICRO for lot in ledger.list_lots(organisation_id) if lot.kind == "allowance"]


def test_each_month_gives_once_however_often_it_is_asked() -> None:
    organisation_id = factories.organisation().pk
    now = timezone.now()
    for at in (now, now + timedelta(days=1), now + timedelta(days=32), now + timedelta(days=33)):
        allowances.grant_all(at)
    assert granted(organisation_id) == [1_000, 1_000]
    assert ledger.verify() == []


def test_an_allowance_ends_with_its_month() -> None:
    organisation_id = new_id("org")
    anchor = datetime(2027, 1, 31, 12, tzinfo=UTC)
    plan_services.assign_plan(organisation_id=organisation_id, plan_code="starter", at=anchor)
    assignment = plans.get_assignment(organisation_id)
    assert assignment is not None
    allowances.grant_allowance(assignment, datetime(2027, 2, 28, 12, tzinfo=UTC))
    [lot] = ledger.list_lots(organisation_id)
    assert (lot.amount_micro, lot.expires_at) == (10_000 * MICRO, datetime(2027, 3, 31, 12, tzinfo=UTC))


def test_a_change_of_plan_within_a_month_gives_no_second_allowance() -> None:
    organisation_id = factories.organisation(plan="pro").pk
    allowances.grant_all()
    assert granted(organisation_id) == [1_000]
    allowances.grant_all(timezone.now() + timedelta(days=32))
    assert sorted(granted(organisation_id)) == [1_000, 50_000]


def test_one_that_fails_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = sorted((factories.organisation().pk, factories.organisation().pk))
    grant = ledger_services.grant

    def fail_for_one(**values: object) -> object:
        if values["organisation_id"] == broken:
            raise RuntimeError
        return grant(**values)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger_services, "grant", fail_for_one)
    allowances.grant_all(timezone.now() + timedelta(days=32))
    assert (granted(broken), granted(sound)) == ([1_000], [1_000, 1_000])
