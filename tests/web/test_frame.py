"""What surrounds every page: its headers, its static files, and the pages of failure."""

import json
from http import HTTPStatus
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory

from patchbay.web import views
from tests import factories


def test_pages_run_no_inline_code_and_cannot_be_framed(client: Client) -> None:
    policy = client.get("/docs/errors")["Content-Security-Policy"]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == ["'self'"]
    assert rules["frame-ancestors"] == rules["default-src"] == ["'none'"]
    assert "unsafe-eval" not in policy


def test_a_page_holds_no_inline_script_or_handler(client: Client) -> None:
    page = client.get("/login").content.decode()
    assert "<script>" not in page
    assert " onclick=" not in page
    assert " style=" not in page


def test_a_stylesheet_is_served_with_its_type_and_the_policy(client: Client) -> None:
    answer = client.get("/static/js/app.js")
    assert answer.status_code == HTTPStatus.OK
    assert answer["Content-Type"].startswith("text/javascript")
    assert b'import "./toasts.js"' in answer.content
    assert client.get("/static/js/app.js", headers={"if-none-match": answer["ETag"]}).status_code == (
        HTTPStatus.NOT_MODIFIED
    )
    assert client.head("/static/js/app.js").content == b""


def test_an_unknown_address_is_a_page_that_leads_on(client: Client) -> None:
    answer = client.get("/no/such/page")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert b"There is no page at this address." in answer.content
    assert b'href="/"' in answer.content


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (RuntimeError("secret detail"), 500, "This is our fault"),
        (OperationalError("secret detail"), 503, "The database does not answer"),
    ],
)
def test_a_failure_is_drawn_without_the_database_and_tells_no_detail(fault: Exception, status: int, said: str) -> None:
    client = Client(raise_request_exception=False)
    with patch("patchbay.site.pages.render", side_effect=fault):
        answer = client.get("/docs")
    assert answer.status_code == status
    assert said in answer.content.decode()
    assert "secret detail" not in answer.content.decode()
    assert ("Retry-After" in answer) == (status == HTTPStatus.SERVICE_UNAVAILABLE)


@pytest.mark.django_db
def test_a_form_without_its_token_changes_nothing() -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/login", {"login": "a@b.example", "password": "x"})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    page = answer.content.decode()
    assert "This page was open too long" in page
    assert "nothing was changed" in page
    assert "Your role" not in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://testserver/plugs?own=1", "/plugs?own=1"),
        ("http://elsewhere.example/plugs", "/"),
        ("http://testserver//elsewhere.example", "/elsewhere.example"),
        (None, "/"),
    ],
)
def test_a_stale_page_is_loaded_again_by_a_button_and_never_another_site(referer: str | None, back: str) -> None:
    headers = {"referer": referer} if referer else {}
    answer = Client(enforce_csrf_checks=True, headers=headers).post("/login", {"login": "a@b.example"})
    assert f'<a class="btn" href="{back}">' in answer.content.decode()


@pytest.mark.django_db
def test_a_stale_page_tells_scripts_in_their_own_way() -> None:
    fragment = Client(enforce_csrf_checks=True, headers={"hx-request": "true"}).post("/login")
    assert "Reload it and try again" in json.loads(fragment["HX-Trigger"])["toast"]["text"]
    assert (fragment.status_code, fragment.content) == (HTTPStatus.FORBIDDEN, b"")
    script = Client(enforce_csrf_checks=True, headers={"accept": "application/json"}).post("/login")
    assert "too long" in script.json()["message"]
    assert "Reload" in script.json()["next_step"]


@pytest.mark.django_db
def test_the_frame_shows_only_what_one_may_open(client: Client) -> None:
    owner = factories.membership(name="Mara")
    viewer = factories.member(owner.organisation_id, "viewer")
    pages: dict[str, Any] = {}
    for who in (owner, viewer):
        client.force_login(who.user)
        pages[who.role] = client.get("/members").content.decode()
    assert 'href="/audit"' in pages["owner"]
    assert 'href="/audit"' not in pages["viewer"]
    assert 'aria-current="page">' in pages["viewer"]


def test_every_component_is_shown_to_developers_alone(client: Client, rf: RequestFactory) -> None:
    assert client.get("/_components").status_code == HTTPStatus.NOT_FOUND
    page = views.components(rf.get("/_components")).content.decode()
    assert "<c-" not in page
    assert page.count('aria-invalid="true"') >= 2
    assert "Enter a password." in page
    assert page.count("Says what ticking it does.") == 2
    assert page.count('class="col"') == 12
    assert page.count('<th scope="row">') == 12, "a chart's values stand in a table too"
