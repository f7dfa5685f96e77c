"""Registering: user, organisation, plan and audit event together, or nothing."""

import threading

import pytest
from allauth.account.models import EmailAddress
from django.db import connection

from patchbay.kernel.accounts import queries, services
from patchbay.kernel.accounts.models import Membership, Organisation, User
from patchbay.kernel.audit import queries as audit
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans import services as plan_services
from patchbay.lib.errors import InvalidError
from patchbay.lib.money import MICRO
from tests import factories
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


def register(email: str = "Mara@Larkfield.example", company: str = "Larkfield Group", **values: str) -> Membership:
    return services.register(**{"email": email, "password": PASSWORD, "company": company, **values})  # type: ignore[arg-type]


def test_registering_makes_a_user_who_owns_an_organisation_on_the_free_plan() -> None:
    membership = register(address="203.0.113.24")
    user, organisation = membership.user, membership.organisation
    assert (user.email, user.check_password(PASSWORD)) == ("mara@larkfield.example", True)
    assert (organisation.name, organisation.slug) == ("Larkfield Group", "larkfield-group")
    assert membership.role == "owner"
    assert plans.get_plan(organisation.pk).code == "free"
    assert plans.get_assignment(organisation.pk) is not None
    assert EmailAddress.objects.get(user=user).primary
    assert ledger.get_balance(organisation.pk).available_micro == 1_000 * MICRO
    [event] = audit.list_events(organisation.pk).data
    assert (event.action, event.address, event.user_id) == ("organisation.created", "203.0.113.24", user.pk)
    assert queries.get_actor(user, organisation.pk).role == "owner"


def test_nothing_stays_when_the_last_part_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("no plans today")

    monkeypatch.setattr(plan_services, "assign_plan", fail)
    with pytest.raises(RuntimeError):
        register()
    assert not User.objects.exists()
    assert not Organisation.objects.exists()
    assert not EmailAddress.objects.exists()
    assert ledger.verify() == []


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"email": "mara"}, ["email"]),
        ({"email": "TAKEN@example.com"}, ["email"]),
        ({"company": " \n "}, ["company"]),
        ({"company": "x" * 121}, ["company"]),
        ({"company": "Bell\a"}, ["company"]),
        ({"name": "x" * 121}, ["name"]),
        ({"password": "short"}, ["password"]),
        ({"password": "password123"}, ["password"]),
        ({"password": "mara@larkfield.example"}, ["password"]),
        ({"email": "mara", "password": "qwertyuiop"}, ["email", "password"]),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, str], fields: list[str]) -> None:
    factories.membership(email="taken@example.com")
    with pytest.raises(InvalidError) as caught:
        register(**values)
    assert sorted({fault.field for fault in caught.value.fields}) == fields
    assert User.objects.count() == 1


def test_organisations_of_one_name_have_addresses_of_their_own() -> None:
    slugs = [register(f"owner-{number}@example.org", "Acme, Inc.").organisation.slug for number in range(11)]
    assert slugs[:3] == ["acme-inc", "acme-inc-2", "acme-inc-3"]
    assert len(set(slugs)) == 11


@pytest.mark.parametrize(("company", "slug"), [("Patchbay", "patchbay-2"), ("ООО «Ромашка»", "organisation")])
def test_reserved_and_unspellable_names_get_another_address(company: str, slug: str) -> None:
    assert register(company=company).organisation.slug == slug


def test_the_platform_has_one_organisation_without_members() -> None:
    platform = services.ensure_platform_organisation()
    assert services.ensure_platform_organisation() == platform
    assert (platform.slug, platform.memberships.count()) == ("patchbay", 0)


@pytest.mark.django_db(transaction=True)
def test_one_address_registers_once_however_many_try() -> None:
    outcomes: list[str] = []

    def attempt() -> None:
        try:
            outcomes.append(register().role)
        except InvalidError as error:
            outcomes.append(error.fields[0].field)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["email", "email", "email", "owner"]
    assert (User.objects.count(), Organisation.objects.count()) == (1, 1)
