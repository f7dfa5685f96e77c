"""A key's own rate and monthly cap: who sets them, what they may be, and what the grant then says."""

from typing import Any

import pytest

from patchbay.kernel.audit import queries as audit
from patchbay.kernel.keys import queries, services
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.plans import services as plans
from patchbay.lib.actor import Actor
from patchbay.lib.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from patchbay.lib.money import MAX_CREDITS, MICRO
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> Actor:
    return factories.owner(plan="pro")


def last_changes(owner: Actor) -> dict[str, Any]:
    return dict(audit.list_events(owner.organisation_id, limit=1).data[0].changes)


def test_a_key_is_made_with_limits_of_its_own(owner: Actor) -> None:
    made = services.create_key(actor=owner, name="Bot", requests_per_minute=10, monthly_cap_micro=5 * MICRO)
    assert made.key.requests_per_minute == 10
    assert made.key.budget
    assert (made.key.budget.cap_micro, made.key.budget.spent_micro) == (5 * MICRO, 0)
    grant = services.authenticate(made.secret)
    assert (grant.requests_per_minute, grant.key_requests_per_minute) == (1_000, 10)
    assert grant.budgets == (made.key.budget.id,)
    assert last_changes(owner)["monthly_cap"] == "5.000000"


def test_a_key_without_limits_has_the_plans_rate_and_no_cap(owner: Actor) -> None:
    grant = services.authenticate(factories.key(owner).secret)
    assert (grant.key_requests_per_minute, grant.budgets) == (None, ())


def test_limits_change_one_by_one_and_reach_the_grant_at_once(owner: Actor) -> None:
    made = factories.key(owner, name="Bot")

    def limits(**changes: Any) -> tuple[str, int | None, int | None]:
        key = services.update_key(actor=owner, key_id=made.key.id, **changes)
        assert key == queries.get_key(owner.organisation_id, made.key.id)
        grant = services.authenticate(made.secret)
        assert (grant.key_requests_per_minute, bool(grant.budgets)) == (key.requests_per_minute, bool(key.budget))
        return key.name, key.requests_per_minute, key.budget.cap_micro if key.budget else None

    services.authenticate(made.secret)
    assert limits(requests_per_minute=7) == ("Bot", 7, None)
    assert limits(monthly_cap_micro=9) == ("Bot", 7, 9)
    assert last_changes(owner) == {"monthly_cap": [None, "0.000009"]}
    assert limits(name="Night bot", monthly_cap_micro=0) == ("Night bot", 7, 0)
    assert limits(requests_per_minute=None) == ("Night bot", None, 0)
    assert limits(monthly_cap_micro=None) == ("Night bot", None, None)
    assert last_changes(owner) == {"monthly_cap": ["0.000000", None]}


def test_a_change_that_changes_nothing_leaves_no_trace(owner: Actor) -> None:
    made = services.create_key(actor=owner, name="Bot", monthly_cap_micro=5)
    before = audit.list_events(owner.organisation_id).data
    services.update_key(actor=owner, key_id=made.key.id, name="Bot", monthly_cap_micro=5, requests_per_minute=None)
    assert audit.list_events(owner.organisation_id).data == before


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"requests_per_minute": 1_001}, "requests_per_minute"),
        ({"monthly_cap_micro": -1}, "monthly_cap"),
        ({"monthly_cap_micro": MAX_CREDITS * MICRO + 1}, "monthly_cap"),
        ({"name": " "}, "name"),
    ],
)
def test_limits_that_cannot_be_are_refused_by_name(owner: Actor, terms: dict[str, Any], field: str) -> None:
    made = factories.key(owner)
    for call in (
        lambda: services.update_key(actor=owner, key_id=made.key.id, **terms),
        lambda: services.create_key(**{"actor": owner, "name": "Key"} | terms),
    ):
        with pytest.raises(InvalidError) as caught:
            call()
        assert [fault.field for fault in caught.value.fields] == [field]
    assert queries.get_key(owner.organisation_id, made.key.id) == made.key


def test_a_rate_above_a_plan_that_became_smaller_does_not_keep_the_key_from_changing(owner: Actor) -> None:
    made = services.create_key(actor=owner, name="Bot", requests_per_minute=900)
    plans.assign_plan(organisation_id=owner.organisation_id, plan_code="free")
    assert services.update_key(actor=owner, key_id=made.key.id, name="Other").requests_per_minute == 900


@pytest.mark.parametrize("limit", [{"requests_per_minute": 5}, {"monthly_cap_micro": 5}])
def test_a_key_with_limits_neither_lifts_them_nor_makes_keys_without(owner: Actor, limit: dict[str, Any]) -> None:
    limited = services.create_key(actor=owner, name="Limited", **limit)
    other = factories.key(owner)
    itself = services.authenticate(limited.secret).actor()
    for call in (
        lambda: services.update_key(actor=itself, key_id=limited.key.id, requests_per_minute=None),
        lambda: services.update_key(actor=itself, key_id=limited.key.id, monthly_cap_micro=None),
        lambda: services.create_key(actor=itself, name="Free"),
        lambda: services.rotate_key(actor=itself, key_id=other.key.id),
    ):
        with pytest.raises(ForbiddenError, match="of its own"):
            call()
    assert services.revoke_key(actor=itself, key_id=other.key.id).state == "revoked"


def test_who_may_not_manage_keys_may_not_limit_them(owner: Actor) -> None:
    made = factories.key(owner)
    viewer = factories.member(owner.organisation_id, "viewer").actor()
    with pytest.raises(ForbiddenError):
        services.update_key(actor=viewer, key_id=made.key.id, monthly_cap_micro=1)
    with pytest.raises(NotFoundError):
        services.update_key(actor=factories.owner(), key_id=made.key.id, monthly_cap_micro=1)
    assert ledger.list_budgets(owner.organisation_id) == []


def test_a_key_that_has_ended_is_not_changed(owner: Actor) -> None:
    made = factories.key(owner)
    services.revoke_key(actor=owner, key_id=made.key.id)
    with pytest.raises(ConflictError, match="revoked"):
        services.update_key(actor=owner, key_id=made.key.id, name="Other")
    with pytest.raises(ConflictError, match="revoked"):
        services.rotate_key(actor=owner, key_id=made.key.id)
