"""The API keys page as a browser sees it."""

import re
from html import unescape
from http import HTTPStatus

import pytest
from django.test import Client
from django.utils.html import strip_tags

from patchbay.kernel.accounts.models import Membership
from patchbay.kernel.keys import queries, services
from patchbay.lib.paging import DEFAULT_LIMIT
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
    assert "larger plan" in page
    assert 'value="Production VS Code"' in page


def test_revoking_asks_first_and_then_says_so(owner: Membership) -> None:
    made = factories.key(owner.actor(), name="Old bot")
    client = browser(owner)
    assert "Revoke Old bot?" in client.get(f"/api-keys/{made.key.id}/revoke").content.decode()
    assert queries.get_key(owner.organisation_id, made.key.id).state == "active"
    page = client.post(f"/api-keys/{made.key.id}/revoke", follow=True).content.decode()
    assert "Old bot is revoked everywhere." in page
    assert queries.get_key(owner.organisation_id, made.key.id).state == "revoked"


def test_many_keys_are_pages_that_name_only_their_own() -> None:
    owner = factories.membership(plan="enterprise")
    for number in range(DEFAULT_LIMIT + 2):
        factories.key(owner.actor(), name=f"Bot {number}.")
    client = browser(owner)
    first = client.get("/api-keys").content.decode()
    assert f"{DEFAULT_LIMIT + 2} active, any number allowed" in first
    assert first.count('scope="row"') == DEFAULT_LIMIT
    assert "Bot 2." in first
    assert "Bot 1." not in first
    [older] = re.findall(r'rel="next"\s+href="([^"]+)"', first)
    second = client.get(f"/api-keys{unescape(older)}").content.decode()
    assert second.count('scope="row"') == 2
    assert "Bot 1." in second
    assert ">Newest</a>" in second


def test_a_keys_limits_are_shown_and_changed(owner: Membership) -> None:
    client = browser(owner)
    client.post("/api-keys/new", NEW | {"requests_per_minute": "12", "monthly_cap": "2.5"})
    [key] = queries.list_keys(owner.organisation_id)
    page = client.get("/api-keys").content.decode()
    assert "12 a minute" in page
    assert "of 2.500 credits this month" in strip_tags(page)
    form = client.get(f"/api-keys/{key.id}/change").content.decode()
    assert 'value="2.5"' in form
    assert 'value="12"' in form
    wanted = {"name": "Night bot", "requests_per_minute": "", "monthly_cap": "7"}
    page = client.post(f"/api-keys/{key.id}/change", wanted, follow=True).content.decode()
    assert "Night bot is changed." in page
    changed = queries.get_key(owner.organisation_id, key.id)
    assert changed.budget
    assert (changed.name, changed.requests_per_minute, changed.budget.cap_micro) == ("Night bot", None, 7_000_000)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"requests_per_minute": "61"}, "what the Free plan allows"),
        ({"monthly_cap": "-1"}, "greater than or equal to 0"),
        ({"name": ""}, "required"),
    ],
)
def test_a_change_that_is_not_right_changes_nothing(owner: Membership, fault: dict[str, str], said: str) -> None:
    made = factories.key(owner.actor(), name="Bot")
    answer = browser(owner).post(f"/api-keys/{made.key.id}/change", {"name": "Other"} | fault)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert said in answer.content.decode()
    assert queries.get_key(owner.organisation_id, made.key.id) == made.key


def test_a_rotated_key_is_shown_once_and_both_secrets_work(owner: Membership) -> None:
    made = factories.key(owner.actor(), name="Bot")
    client = browser(owner)
    assert "Rotate Bot?" in client.get(f"/api-keys/{made.key.id}/rotate").content.decode()
    answer = client.post(f"/api-keys/{made.key.id}/rotate", {"overlap": "3600"})
    [secret] = set(re.findall(r"sme_live_[0-9a-f]{32}", answer.content.decode()))
    assert "no-store" in answer["Cache-Control"]
    assert services.authenticate(secret).key_id == services.authenticate(made.secret).key_id == made.key.id
    page = client.get("/api-keys").content.decode()
    assert "secret before good until" in page
    assert secret not in page
    assert client.post(f"/api-keys/{made.key.id}/rotate", {"overlap": "5"}).status_code == 422


def test_a_rotation_that_is_sent_twice_leaves_the_secret_in_use_alone(owner: Membership) -> None:
    made = factories.key(owner.actor(), name="Bot")
    client = browser(owner)
    page = client.get(f"/api-keys/{made.key.id}/rotate").content.decode()
    [seen] = re.findall(r'name="seen_prefix" value="([^"]+)"', page)
    form = {"overlap": "3600", "seen_prefix": seen}
    first = client.post(f"/api-keys/{made.key.id}/rotate", form)
    [secret] = set(re.findall(r"sme_live_[0-9a-f]{32}", first.content.decode()))
    again = client.post(f"/api-keys/{made.key.id}/rotate", form)
    assert again.status_code == HTTPStatus.CONFLICT
    assert "was rotated already" in again.content.decode()
    assert services.authenticate(secret).key_id == services.authenticate(made.secret).key_id == made.key.id


@pytest.mark.parametrize("page", ["change", "rotate"])
def test_only_who_manages_keys_changes_or_rotates_them(owner: Membership, page: str) -> None:
    made = factories.key(owner.actor(), name="Ours")
    address = f"/api-keys/{made.key.id}/{page}"
    body = {"name": "Theirs", "overlap": "0"}
    for method in ("get", "post"):
        viewer = browser(factories.member(owner.organisation_id, "viewer"))
        assert getattr(viewer, method)(address, body).status_code == HTTPStatus.FORBIDDEN
        assert getattr(browser(factories.membership()), method)(address, body).status_code == HTTPStatus.NOT_FOUND
    assert queries.get_key(owner.organisation_id, made.key.id) == made.key


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
