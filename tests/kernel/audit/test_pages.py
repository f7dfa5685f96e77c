"""The audit pages as a browser sees them: owners only."""

import re
from http import HTTPStatus

import pytest
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from tests import factories

pytestmark = pytest.mark.django_db


def browser(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, "allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def owner() -> Membership:
    membership = factories.membership(name="Mara Lindqvist", plan="pro")
    factories.key(membership.actor(), name="Production")
    return membership


def test_the_log_is_listed_filtered_by_its_address_and_paged(owner: Membership) -> None:
    client = browser(owner)
    page = client.get("/audit").content.decode()
    assert "Key Production created" in page
    assert "organisation.created" in page
    security = client.get("/audit?kind=security&search=prod").content.decode()
    assert "Key Production created" in security
    assert "organisation.created" not in security
    assert "No event matches" in client.get("/audit?actor=nobody").content.decode()
    for number in range(50):
        client.post("/settings/organisation", {"name": f"Name {number}", "slug": "here"})
    [older] = re.findall(r'href="\?([^"]+)">Older', client.get("/audit?actor=Mara").content.decode())
    assert "actor=Mara" in older
    assert "Key Production created" in client.get(f"/audit?{older.replace('&amp;', '&')}").content.decode()


def test_one_event_shows_who_what_and_its_place(owner: Membership) -> None:
    client = browser(owner)
    [link] = re.findall(r'href="(/audit/evt_\w+)">Key Production created', client.get("/audit").content.decode())
    page = client.get(link).content.decode()
    assert "Mara Lindqvist, owner (user)" in page
    assert "key.created" in page
    assert browser(factories.membership()).get(link).status_code == HTTPStatus.NOT_FOUND


def test_the_chain_is_verified_by_a_button(owner: Membership) -> None:
    assert "Chain verified" in browser(owner).post("/audit/check").content.decode()


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_the_log_is_for_owners(owner: Membership, role: str) -> None:
    client = browser(factories.member(owner.organisation_id, role))  # type: ignore[arg-type]
    assert client.get("/audit").status_code == HTTPStatus.FORBIDDEN
    assert client.post("/audit/check").status_code == HTTPStatus.FORBIDDEN
