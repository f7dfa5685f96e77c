"""The start, the dashboard, the docs and the mail that an instance without SMTP keeps."""

from http import HTTPStatus
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.mail import send_mail
from django.test import Client
from pytest_django import Settings

from patchbay.kernel.jobs import worker
from patchbay.lib import mail
from patchbay.products.plugs import services as plugs
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client) -> factories.Membership:
    membership = factories.membership(name="Mara")
    client.force_login(membership.user)
    return membership


def test_the_start_leads_to_signing_in_or_to_the_dashboard(client: Client) -> None:
    assert client.get("/")["Location"] == "/login"
    client.force_login(factories.membership().user)
    assert client.get("/")["Location"] == "/dashboard"


def test_the_dashboard_asks_for_signing_in_first(client: Client) -> None:
    assert client.get("/dashboard")["Location"] == "/login?next=/dashboard"


def test_who_was_signed_out_comes_back_to_the_page_and_not_to_where_its_form_went(client: Client) -> None:
    def to_login(referer: str) -> str:
        return client.post("/api-keys/new", {"name": "Laptop"}, headers={"referer": referer})["Location"]

    assert to_login("http://testserver/api-keys?state=active") == "/login?next=/api-keys%3Fstate%3Dactive"
    assert to_login("https://elsewhere.example/api-keys") == "/login?next=/dashboard"
    assert to_login("") == "/login?next=/dashboard"


def test_a_script_that_was_signed_out_is_told_so_and_gets_no_sign_in_page(client: Client) -> None:
    sent = client.post("/plugs/terms/documents", headers={"accept": "application/json"})
    assert (sent.status_code, sent.json()["message"]) == (HTTPStatus.UNAUTHORIZED, "You are signed out.")
    place = {"hx-request": "true", "hx-current-url": "http://testserver/plugs/terms/knowledge"}
    swapped = client.get("/plugs/terms/knowledge?part=sources", headers=place)
    assert (swapped.status_code, swapped.content) == (HTTPStatus.UNAUTHORIZED, b"")
    assert swapped["HX-Redirect"] == "/login?next=/plugs/terms/knowledge"


def test_a_viewer_is_offered_nothing_that_only_others_may_do(client: Client, owner: factories.Membership) -> None:
    plug = plugs.create_plug(actor=owner.actor(), name="Terms")
    plugs.upload_document(actor=owner.actor(), plug=plug, file=ContentFile(b"%PDF-1.4 broken"), filename="broken.pdf")
    worker.run_pending()
    viewer = factories.member(owner.organisation_id, "viewer")
    for offered in (True, False):
        shown = client.get("/dashboard").content.decode() + client.get("/plugs").content.decode()
        words = ("Generate API key", "Generate key", "New plug", "/api-keys#create", "/plugs#new", "Fix: broken")
        assert [word in shown for word in words] == [offered] * len(words)
        client.force_login(viewer.user)


def test_a_new_organisation_sees_its_credits_and_its_first_steps(client: Client, owner: factories.Membership) -> None:
    page = client.get("/dashboard").content.decode()
    assert "1,000<small>.000</small>" in page
    assert "Create an API key" in page
    assert "Make a plug of your own" in page


def test_a_document_that_could_not_be_read_comes_first(client: Client, owner: factories.Membership) -> None:
    plug = plugs.create_plug(actor=owner.actor(), name="Terms")
    plugs.upload_document(
        actor=owner.actor(), plug=plug, file=ContentFile(b"%PDF-1.7\nbroken"), filename="schedule.pdf"
    )
    worker.run_pending()
    page = client.get("/dashboard").content.decode()
    assert "schedule could not be read" in page
    assert f'href="/plugs/{plug.slug}/knowledge"' in page


def test_every_error_code_is_documented_where_its_type_points(client: Client) -> None:
    page = client.get("/docs/errors").content.decode()
    for code in ("not_found", "insufficient_credits", "plan_limit", "rate_limited", "document_not_found"):
        assert f'id="{code}"' in page


def test_mail_is_shown_to_this_machine_alone(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND, settings.MAIL_DIR = "patchbay.lib.mail.OutboxBackend", tmp_path
    send_mail("Reset", "Follow http://localhost/x", None, ["mara@larkfield.example"])
    assert "Reset" in client.get("/mail").content.decode()
    assert client.get("/mail", REMOTE_ADDR="203.0.113.7").status_code == HTTPStatus.NOT_FOUND
    assert client.get("/mail", headers={"x-forwarded-for": "203.0.113.7"}).status_code == HTTPStatus.NOT_FOUND


def test_mail_stands_in_the_frame_of_who_is_signed_in(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND, settings.MAIL_DIR = "patchbay.lib.mail.OutboxBackend", tmp_path
    send_mail("Reset", "Follow http://localhost/x", None, ["mara@larkfield.example"])
    [message] = mail.list_messages()
    addresses = ("/mail", f"/mail/{message.id}")
    for address in addresses:
        assert ">Sign in</a>" in client.get(address).content.decode()
    client.force_login(factories.membership(name="Mara Lindqvist").user)
    for address in addresses:
        page = client.get(address).content.decode()
        assert ">Sign in</a>" not in page
        assert "Account of Mara Lindqvist" in page


def test_mail_is_hidden_behind_a_proxy_of_this_machine(client: Client, settings: Settings) -> None:
    settings.BASE_URL = "https://patchbay.example"
    assert client.get("/mail").status_code == 404
