"""The API keys page as a browser sees it."""

import re
from http import HTTPStatus

import pytest
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from patchbay.kernel.keys import queries, services
from tests import factories

pytestmark = pytest.mark.django_db
NEW = {"name": "Production VS Code", "environment": "live", "permission": "read_only", "expires": "30"}


def browser(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, "allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def owner() -> Membership:
    return factories.membership()


def test_a_new_key_is_shown_once_and_works(owner: Membership) -> None:
    client = browser(owner)
    answer = client.post("/api-keys/new", NEW)
    [secret] = set(re.findall(r"sme_live_[0-9a-f]{32}", answer.content.decode()))
    assert "no-store" in answer["Cache-Control"]
    grant = services.authenticate(secret)
    assert (grant.name, grant.permission, grant.organisation_id) == (NEW["name"], "read_only", owner.organisation_id)
    assert grant.expires_at is not None
    page = client.get("/api-keys").content.decode()
    assert secret not in page
    assert secret[:16] in page
    assert "1 active, 2 allowed on Free" in page


@pytest.mark.parametrize("fault", [{"name": ""}, {"environment": "moon"}, {"plug_id": "plug_x"}, {"expires": "1"}])
def test_a_form_that_is_not_right_makes_no_key(owner: Membership, fault: dict[str, str]) -> None:
    answer = browser(owner).post("/api-keys/new", NEW | fault)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert queries.list_keys(owner.organisation_id) == []


def test_over_the_plans_limit_the_page_says_where_there_are_more(owner: Membership) -> None:
    client = browser(owner)
    factories.key(owner.actor())
    factories.key(owner.actor())
    answer = client.post("/api-keys/new", NEW)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    page = answer.content.decode()
    assert "The Free plan includes 2 API keys" in page
    assert "/billing/plans" in page
    assert 'value="Production VS Code"' in page


def test_revoking_asks_first_and_then_says_so(owner: Membership) -> None:
    made = factories.key(owner.actor(), name="Old bot")
    client = browser(owner)
    assert "Revoke Old bot?" in client.get(f"/api-keys/{made.key.id}/revoke").content.decode()
    assert queries.get_key(owner.organisation_id, made.key.id).state == "active"
    page = client.post(f"/api-keys/{made.key.id}/revoke", follow=True).content.decode()
    assert "Old bot is revoked everywhere." in page
    assert queries.get_key(owner.organisation_id, made.key.id).state == "revoked"


def test_viewers_look_and_strangers_do_not_find(owner: Membership) -> None:
    made = factories.key(owner.actor(), name="Ours")
    viewer = browser(factories.member(owner.organisation_id, "viewer"))
    page = viewer.get("/api-keys").content.decode()
    assert "Ours" in page
    assert "Create key" not in page
    assert viewer.post("/api-keys/new", NEW).status_code == HTTPStatus.FORBIDDEN
    assert viewer.post(f"/api-keys/{made.key.id}/revoke").status_code == HTTPStatus.FORBIDDEN
    stranger = browser(factories.membership())
    assert "Ours" not in stranger.get("/api-keys").content.decode()
    assert stranger.post(f"/api-keys/{made.key.id}/revoke").status_code == HTTPStatus.NOT_FOUND
    assert Client().get("/api-keys")["Location"].startswith("/login?next=")
