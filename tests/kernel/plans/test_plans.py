"""Plans as data: their numbers, who is on which, and the one entitlement check."""

from datetime import UTC, datetime

import pytest

from patchbay.kernel.plans import catalogue, queries, services
from patchbay.kernel.plans.errors import PlanLimitError
from patchbay.lib.errors import InvalidError, NotFoundError
from patchbay.lib.ids import new_id
from patchbay.lib.money import MICRO

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation_id() -> str:
    return new_id("org")


def on(plan_code: str) -> str:
    organisation = new_id("org")
    services.assign_plan(organisation_id=organisation, plan_code=plan_code)
    return organisation


@pytest.mark.parametrize(
    ("code", "cents", "yearly", "credits", "rollover", "rate", "limits"),
    [
        ("free", 0, 0, 1_000, 0, 60, (3, 2, 1, 1, 2, 30)),
        ("starter", 2_900, 29_000, 10_000, 5_000, 300, (10, 10, 3, 10, 5, 90)),
        ("pro", 9_900, 99_000, 50_000, 25_000, 1_000, (50, 50, 10, 50, 20, 365)),
        ("enterprise", 49_900, None, 250_000, None, 5_000, (None,) * 6),
    ],
)
def test_a_fresh_database_holds_the_plans_of_the_specification(
    code: str,
    cents: int,
    yearly: int | None,
    credits: int,
    rollover: int | None,
    rate: int,
    limits: tuple[int | None, ...],
) -> None:
    plan = queries.get_plan(on(code))
    assert (plan.monthly_cents, plan.yearly_cents, plan.requests_per_minute) == (cents, yearly, rate)
    assert plan.monthly_credits_micro == credits * MICRO
    assert plan.rollover_micro == (None if rollover is None else rollover * MICRO)
    names = ("projects", "integrations", "members", "contexts", "api_keys", "audit_retention_days")
    assert dict(plan.limits) == dict(zip(names, limits, strict=True))


def test_features_open_with_the_plan_that_first_has_them() -> None:
    features = {plan.code: plan.features for plan in queries.list_plans()}
    assert features["free"] == frozenset()
    assert features["starter"] == {"sync", "query_history", "analytics", "encryption", "custom_domains"}
    assert features["pro"] - features["starter"] == {"white_label", "sso", "advanced_webhooks"}
    assert features["enterprise"] == features["pro"]


def test_an_organisation_without_an_assignment_is_on_the_free_plan(organisation_id: str) -> None:
    assert queries.get_plan(organisation_id).code == "free"
    assert queries.get_assignment(organisation_id) is None


def test_a_limit_is_reached_at_its_number_and_not_before() -> None:
    organisation = on("starter")
    services.require(organisation, "members", used=2)
    with pytest.raises(PlanLimitError) as caught:
        services.require(organisation, "members", used=3)
    assert caught.value.status == 403
    assert caught.value.message == "The Starter plan includes 3 members; you have 3."
    assert "larger plan" in (caught.value.next_step or "")
    assert caught.value.extra == {
        "entitlement": "members",
        "plan": "starter",
        "limit": 3,
    }


def test_nothing_is_too_much_for_an_unlimited_plan() -> None:
    services.require(on("enterprise"), "contexts", used=10**9)


def test_a_feature_is_a_gate() -> None:
    services.require(on("pro"), "sso")
    with pytest.raises(PlanLimitError, match="Single sign-on is not part of the Starter plan"):
        services.require(on("starter"), "sso")


def test_an_entitlement_that_no_plan_knows_is_a_fault_of_the_program(organisation_id: str) -> None:
    with pytest.raises(KeyError):
        services.require(organisation_id, "unicorns")


def test_another_plan_keeps_the_anchor_unless_one_is_given(organisation_id: str) -> None:
    first, second = datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    services.assign_plan(organisation_id=organisation_id, plan_code="free", at=first)
    services.assign_plan(organisation_id=organisation_id, plan_code="pro")
    assignment = queries.get_assignment(organisation_id)
    assert assignment is not None
    assert (assignment.plan.code, assignment.anchor) == ("pro", first)
    services.assign_plan(organisation_id=organisation_id, plan_code="pro", at=second)
    assert [a.anchor for a in queries.list_assignments() if a.organisation_id == organisation_id] == [second]


def test_an_unknown_plan_is_refused(organisation_id: str) -> None:
    with pytest.raises(NotFoundError):
        services.assign_plan(organisation_id=organisation_id, plan_code="platinum")
    with pytest.raises(NotFoundError):
        services.change_plan(plan_code="platinum", name="Platinum")


def test_staff_change_a_number_without_code() -> None:
    organisation = on("free")
    services.change_plan(plan_code="free", limits=dict.fromkeys(catalogue.LIMITS, 7))
    services.require(organisation, "members", used=6)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"limits": {"members": 3}}, "limits"),
        ({"limits": dict.fromkeys(catalogue.LIMITS, -1)}, "limits"),
        ({"limits": dict.fromkeys(catalogue.LIMITS, True)}, "limits"),
        ({"features": ["teleport"]}, "features"),
        ({"requests_per_minute": -5}, "requests_per_minute"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(terms: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        services.change_plan(plan_code="free", **terms)
    assert [fault.field for fault in caught.value.fields] == [field]


def test_loading_the_catalogue_again_keeps_what_staff_changed() -> None:
    services.change_plan(plan_code="starter", monthly_cents=3_100)
    services.load_catalogue()
    assert queries.get_plan(on("starter")).monthly_cents == 3_100


@pytest.mark.django_db(transaction=True)
def test_a_cached_plan_is_dropped_when_the_organisation_changes_plan(organisation_id: str) -> None:
    assert queries.get_plan(organisation_id).code == "free"
    cached = queries.find_cached_plan(organisation_id)
    assert cached is not None
    assert cached.code == "free"
    services.assign_plan(organisation_id=organisation_id, plan_code="pro")
    assert queries.find_cached_plan(organisation_id) is None
    assert queries.get_plan(organisation_id).code == "pro"
