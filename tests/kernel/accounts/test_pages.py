"""Signing in and out, settings and members as a browser sees them."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from patchbay.kernel.accounts import tasks
from patchbay.kernel.accounts.models import Membership, User
from patchbay.kernel.audit import queries as audit
from patchbay.kernel.jobs import worker
from patchbay.lib import mail
from tests import factories
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_rate_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def owner() -> Membership:
    return factories.membership(company="Larkfield", name="Mara Lindqvist")


def browser(membership: Membership | None = None, **headers: str) -> Client:
    client = Client(**headers)  # type: ignore[arg-type]
    if membership:
        assert sign_in(client, membership.user.email).status_code == HTTPStatus.FOUND
    return client


def sign_in(client: Client, email: str, password: str = PASSWORD):  # type: ignore[no-untyped-def]
    return client.post("/login", {"login": email, "password": password})


def actions(organisation_id: str) -> list[str]:
    return [event.action for event in audit.list_events(organisation_id).data]


def test_registering_signs_in_and_leads_to_the_dashboard() -> None:
    client = browser()
    assert b"Company name" in client.get("/register").content
    answer = client.post(
        "/register", {"company": "Larkfield", "email": "mara@larkfield.example", "password1": PASSWORD}
    )
    assert (answer.status_code, answer["Location"]) == (HTTPStatus.FOUND, "/dashboard")
    page = client.get("/settings").content.decode()
    assert "mara@larkfield.example" in page
    assert 'value="larkfield"' in page


def test_a_registration_that_is_not_right_says_what_and_keeps_what_was_typed(owner: Membership) -> None:
    answer = browser().post("/register", {"company": "", "email": owner.user.email, "password1": "short"})
    page = answer.content.decode()
    assert "too short" in page
    assert "already" in page
    assert owner.user.email in page
    assert User.objects.count() == 1


def test_signing_in_and_out(owner: Membership) -> None:
    client = browser()
    answer = client.get("/settings?tab=you")
    assert answer["Location"] == "/login?next=/settings%3Ftab%3Dyou"
    answer = client.post(answer["Location"], {"login": owner.user.email.upper(), "password": PASSWORD})
    assert answer.status_code == HTTPStatus.FOUND
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert client.get("/settings").status_code == HTTPStatus.OK
    assert client.get("/logout").status_code == HTTPStatus.OK, "asks first"
    client.post("/logout")
    assert client.get("/settings").status_code == HTTPStatus.FOUND
    assert actions(owner.organisation_id)[0] == "session.created"


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(owner: Membership) -> None:
    def shown(email: str) -> str:
        page = sign_in(browser(), email, "wrong-wrong-wrong").content.decode()
        return re.sub(r'value="[^"]*"', "", page)

    assert shown(owner.user.email) == shown("nobody@example.com")
    worker.run_pending()
    assert actions(owner.organisation_id)[0] == "session.refused"


def test_a_refused_sign_in_is_noted_once_though_its_job_runs_twice(owner: Membership) -> None:
    for attempt in ("try_1", "try_1", "try_2"):
        tasks.record_refused_sign_in(email=owner.user.email, address="203.0.113.24", attempt=attempt)
    tasks.record_refused_sign_in(email="nobody@example.com", address=None, attempt="try_3")
    assert actions(owner.organisation_id).count("session.refused") == 2


def test_guessing_passwords_is_stopped(owner: Membership) -> None:
    client = browser()
    for _ in range(5):
        sign_in(client, owner.user.email, "wrong-wrong-wrong")
    answer = sign_in(client, owner.user.email)
    assert answer.status_code != HTTPStatus.FOUND
    assert "Too many" in answer.content.decode()


def test_a_forgotten_password_is_reset_by_a_link_that_works_once(
    owner: Membership, settings: Settings, tmp_path: Path
) -> None:
    settings.EMAIL_BACKEND, settings.MAIL_DIR = "patchbay.lib.mail.OutboxBackend", tmp_path
    old = browser(owner)
    client = browser()
    for email in (owner.user.email, "nobody@example.com"):
        assert client.post("/password/reset", {"email": email})["Location"] == "/password/reset/sent"
    sent = mail.list_messages()
    assert [message.recipients for message in sent] == [(owner.user.email,)], "an unknown address gets no mail"
    link = re.search(r"http://[^/\s]+(/password/reset/\S+)", sent[0].body)
    assert link
    form = client.get(link[1], follow=True)
    new = "lantern-harbour-28"
    target = form.redirect_chain[-1][0]
    assert client.post(target, {"password1": new, "password2": new})["Location"] == "/password/reset/done"
    assert sign_in(browser(), owner.user.email, new).status_code == HTTPStatus.FOUND
    assert old.get("/settings").status_code == HTTPStatus.FOUND, "other sessions ended"
    assert "used already" in browser().get(link[1], follow=True).content.decode()
    assert "password.changed" in actions(owner.organisation_id)


def test_changing_the_password_ends_the_other_sessions(owner: Membership) -> None:
    client, other = browser(owner), browser(owner)
    new = "lantern-harbour-28"
    wrong = {"oldpassword": "nope", "password1": new, "password2": new}
    assert client.post("/password/change", wrong).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    answer = client.post("/password/change", wrong | {"oldpassword": PASSWORD})
    assert answer["Location"] == "/settings"
    assert client.get("/settings").status_code == HTTPStatus.OK
    assert other.get("/settings").status_code == HTTPStatus.FOUND


def test_sessions_are_listed_and_ended_one_by_one(owner: Membership) -> None:
    client = browser(owner, headers={"user-agent": "Lynx"})  # type: ignore[arg-type]
    other = browser(owner, headers={"user-agent": "Mosaic"})  # type: ignore[arg-type]
    page = client.get("/settings").content.decode()
    assert "Lynx" in page
    assert "Mosaic" in page
    [end] = re.findall(r'href="(/settings/sessions/\d+)"', page)
    stranger = browser(factories.membership())
    assert stranger.get(end).status_code == HTTPStatus.NOT_FOUND
    asked = client.get(end).content.decode()
    assert "Mosaic" in asked
    assert "Lynx" not in asked
    assert other.get("/settings").status_code == HTTPStatus.OK, "asking ends nothing"
    assert stranger.post(end).status_code == HTTPStatus.NOT_FOUND
    assert client.post(end)["Location"] == "/settings"
    assert other.get("/settings").status_code == HTTPStatus.FOUND
    assert client.get("/settings").status_code == HTTPStatus.OK


def test_all_other_sessions_are_ended_together(owner: Membership) -> None:
    client, others = browser(owner), [browser(owner), browser(owner)]
    assert "End all your other sessions?" in client.get("/settings/sessions/others").content.decode()
    assert others[0].get("/settings").status_code == HTTPStatus.OK, "asking ends nothing"
    client.post("/settings/sessions/others")
    assert [other.get("/settings").status_code for other in others] == [HTTPStatus.FOUND] * 2
    assert client.get("/settings").status_code == HTTPStatus.OK


def test_settings_are_saved_or_say_what_is_wrong(owner: Membership) -> None:
    client = browser(owner)
    assert client.post("/settings/organisation", {"name": "Lark", "slug": "lark"})["Location"] == "/settings"
    refused = client.post("/settings/organisation", {"name": "Larks", "slug": "patchbay"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "This address is taken." in refused.content.decode()
    client.post("/settings/profile", {"name": "M. Lindqvist"})
    page = client.get("/settings").content.decode()
    assert "M. Lindqvist" in page
    assert 'value="lark"' in page


def test_the_current_organisation_is_switched_and_never_to_a_strangers(owner: Membership) -> None:
    other = factories.membership(company="Second")
    Membership.objects.create(organisation=other.organisation, user=owner.user, role="viewer")
    client = browser(owner)
    assert 'value="Larkfield"' in client.get("/settings").content.decode()
    client.post("/organisation/switch", {"organisation_id": other.organisation_id})
    page = client.get("/settings").content.decode()
    assert "Second" in page
    assert "you are viewer" in page
    stranger = factories.membership()
    answer = client.post("/organisation/switch", {"organisation_id": stranger.organisation_id})
    assert answer.status_code == HTTPStatus.NOT_FOUND
    Membership.objects.filter(organisation=other.organisation, user=owner.user).delete()
    assert 'value="Larkfield"' in client.get("/settings").content.decode(), "a lost membership ends at once"


def test_members_are_managed_by_owners_and_read_by_all(owner: Membership) -> None:
    editor = factories.member(owner.organisation_id, "editor")
    client = browser(owner)
    page = client.get("/members").content.decode()
    assert editor.user.email in page
    assert "Mara Lindqvist is the only owner" in page
    client.post(f"/members/{editor.pk}/role", {"role": "viewer"})
    editors = browser(editor)
    assert editors.get("/members").status_code == HTTPStatus.OK
    assert editors.post(f"/members/{owner.pk}/role", {"role": "viewer"}).status_code == HTTPStatus.FORBIDDEN
    assert client.post(f"/members/{editor.pk}/role", {"role": "king"}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert editor.user.email in client.get(f"/members/{editor.pk}/remove").content.decode()
    client.post(f"/members/{editor.pk}/remove")
    assert editors.get("/members").status_code == HTTPStatus.FORBIDDEN
    refused = client.post(f"/members/{owner.pk}/remove")
    assert refused.status_code == HTTPStatus.CONFLICT
    assert "only owner" in refused.content.decode()


@pytest.mark.parametrize("act", ["role", "remove"])
def test_another_organisations_members_are_not_there(owner: Membership, act: str) -> None:
    stranger = browser(factories.membership())
    assert stranger.post(f"/members/{owner.pk}/{act}", {"role": "viewer"}).status_code == HTTPStatus.NOT_FOUND


def test_forms_are_refused_without_their_token(owner: Membership) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.user)
    assert client.post("/settings/profile", {"name": "Mallory"}).status_code == HTTPStatus.FORBIDDEN
