"""Providers' pages: brought, tested, switched and removed by owners; their keys go in and never come out."""

from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from patchbay.products.gateway import queries
from patchbay.products.gateway.queries.shapes import ProviderView
from patchbay.products.gateway.services.connection import ConnectionResult
from patchbay.products.gateway.views import providers as views
from tests.factories import gateway as factories

pytestmark = pytest.mark.django_db
OTHER_SECRET = "sk-another-key-9876543210zyxwvu"
TERMS = {
    "name": "openai-eu",
    "kind": "openai",
    "base_url": "https://eu.api.example.com/v1",
    "api_key": factories.SECRET,
    "queue_length": "100",
    "queue_seconds": "10",
}


@pytest.fixture
def provider(owner: Membership) -> ProviderView:
    return factories.provider(owner.actor(), organisation_id=owner.organisation_id)


def read(client: Client, address: str, status: int = HTTPStatus.OK) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return answer.content.decode()


def now(provider: ProviderView) -> ProviderView:
    return queries.get_provider(provider.organisation_id, provider.id)


def test_an_owner_brings_a_provider_whose_key_is_never_shown(client: Client, owner: Membership) -> None:
    assert "No provider of your own" in read(client, "/gateway/providers")
    answer = client.post("/gateway/providers/new", TERMS)
    [made] = queries.list_providers(owner.organisation_id)
    assert answer["Location"] == f"/gateway/providers/{made.id}"
    assert (made.name, made.base_url, made.queue_seconds) == ("openai-eu", "https://eu.api.example.com/v1", 10.0)
    for address in ("/gateway/providers", answer["Location"]):
        page = read(client, address)
        assert factories.SECRET[-4:] in page
        assert factories.SECRET not in page


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("name", "", "required"),
        ("name", "two words", "letters, digits"),
        ("base_url", "http://api.example.com/v1", "https://"),
        ("base_url", "https://10.0.0.1/v1", "private address"),
        ("queue_length", "-1", "greater than or equal to 0"),
        ("max_concurrent", "0", "greater than or equal to 1"),
    ],
)
def test_a_fault_stands_at_its_field_and_what_was_typed_stays(
    client: Client, owner: Membership, field: str, value: str, fault: str
) -> None:
    answer = client.post("/gateway/providers/new", TERMS | {field: value})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    page = answer.content.decode()
    assert fault in page.partition(f'id="id_{field}_error"')[2].partition("</p>")[0]
    assert 'value="openai-eu"' in page or field == "name"
    assert factories.SECRET not in page, "a secret is not sent back, even to who typed it"
    assert not queries.list_providers(owner.organisation_id)


def test_terms_are_changed_and_a_new_server_needs_its_own_key(client: Client, provider: ProviderView) -> None:
    address = f"/gateway/providers/{provider.id}/change"
    kept = TERMS | {"name": "main", "base_url": provider.base_url, "api_key": "", "max_concurrent": "8"}
    assert client.post(address, kept).status_code == HTTPStatus.FOUND
    assert (now(provider).name, now(provider).max_concurrent, len(now(provider).keys)) == ("main", 8, 1)
    refused = client.post(address, kept | {"base_url": "https://elsewhere.example/v1"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Give the key for the new address" in refused.content.decode()
    assert now(provider).base_url == provider.base_url


def test_it_is_switched_off_and_on(client: Client, provider: ProviderView) -> None:
    address = f"/gateway/providers/{provider.id}/switch"
    client.post(address, {"enabled": "off"})
    assert not now(provider).enabled
    assert "Switched off" in read(client, f"/gateway/providers/{provider.id}")
    client.post(address, {"enabled": "on"})
    assert now(provider).enabled


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (ConnectionResult(True, "It answers and has 2 models.", ("gpt-a", "gpt-b"), 200), "gpt-a, gpt-b"),
        (ConnectionResult(False, "It refused the API key.", status=401), "The connection does not work."),
    ],
)
def test_the_connection_is_tested_and_the_result_said_plainly(
    client: Client, provider: ProviderView, monkeypatch: pytest.MonkeyPatch, result: ConnectionResult, said: str
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(views.services, "test_connection", lambda **who: asked.append(who["provider"]) or result)
    page = client.post(f"/gateway/providers/{provider.id}/test").content.decode()
    assert asked == [provider.id]
    assert said in page
    assert result.message in page


def test_keys_are_added_switched_rotated_and_removed(client: Client, provider: ProviderView) -> None:
    address = f"/gateway/providers/{provider.id}"
    assert client.post(f"{address}/keys", {"api_key": OTHER_SECRET, "weight": "3"})["Location"] == address
    old, new = sorted(now(provider).keys, key=lambda key: key.weight)
    assert (new.hint, new.weight) == (OTHER_SECRET[-4:], 3)
    client.post(f"{address}/keys/{new.id}/switch", {"enabled": "off"})
    assert [key.enabled for key in now(provider).keys if key.id == new.id] == [False]
    assert "Requests under way" in read(client, f"{address}/keys/{old.id}/rotate")
    client.post(f"{address}/keys/{old.id}/rotate", {"api_key": "sk-third-0123456789-third"})
    assert "hird" in {key.hint for key in now(provider).keys}
    assert "is not revoked at the provider" in read(client, f"{address}/keys/{old.id}/remove")
    assert len(now(provider).keys) == 2, "asking removes nothing"
    client.post(f"{address}/keys/{old.id}/remove")
    assert [key.id for key in now(provider).keys] == [new.id]


def test_a_key_that_is_there_or_no_key_is_refused_at_the_form(client: Client, provider: ProviderView) -> None:
    address = f"/gateway/providers/{provider.id}/keys"
    again = client.post(address, {"api_key": factories.SECRET, "weight": "1"})
    assert (again.status_code, "has this key already" in again.content.decode()) == (422, True)
    assert client.post(address, {"api_key": "two words", "weight": "1"}).status_code == 422
    assert client.post(f"{address}/{provider.keys[0].id}/rotate", {"api_key": ""}).status_code == 422
    assert client.get(f"{address}/pkey_none/rotate").status_code == HTTPStatus.NOT_FOUND
    assert len(now(provider).keys) == 1


def test_a_provider_is_removed_by_asking_first_and_never_under_a_model(client: Client, owner: Membership) -> None:
    provider, alias = factories.own_model(owner.actor())
    address = f"/gateway/providers/{provider.id}/delete"
    page = read(client, address)
    assert alias.name in page
    assert "sure" not in page, "there is no way on while a model leads here"
    refused = client.post(address)
    assert refused.status_code == HTTPStatus.CONFLICT
    assert "Remove those targets first" in refused.content.decode()
    client.post(f"/gateway/models/{alias.id}/delete")
    assert "1 key" in read(client, address)
    assert client.post(address)["Location"] == "/gateway/providers"
    assert not queries.list_providers(owner.organisation_id)


def test_an_editor_reads_and_a_viewer_does_not(editor: Client, viewer: Client, provider: ProviderView) -> None:
    address = f"/gateway/providers/{provider.id}"
    page = read(editor, address)
    assert factories.SECRET[-4:] in page
    assert "/change" not in page
    assert f"{address}/switch" not in page
    for path in ("/gateway/providers", address):
        assert viewer.get(path).status_code == HTTPStatus.FORBIDDEN
    for path in ("/change", "/switch", "/test", "/delete", "/keys", f"/keys/{provider.keys[0].id}/remove"):
        assert editor.post(address + path, TERMS).status_code == HTTPStatus.FORBIDDEN
    assert editor.get("/gateway/providers/new").status_code == HTTPStatus.FORBIDDEN
    assert now(provider) == provider


def test_strangers_find_no_provider(stranger: Client, provider: ProviderView) -> None:
    address = f"/gateway/providers/{provider.id}"
    for path in ("/change", "/switch", "/test", "/delete", "/keys", f"/keys/{provider.keys[0].id}/remove"):
        assert stranger.post(address + path, TERMS).status_code == HTTPStatus.NOT_FOUND
    assert provider.name not in read(stranger, "/gateway/providers").replace("OpenAI, Anthropic", "")


def test_the_platforms_are_for_staff_alone(client: Client, staff: Client) -> None:
    terms = TERMS | {"base_url": "http://10.0.0.7:8000/v1", "private_allowed": "on"}
    assert client.get("/gateway/providers/new/platform").status_code == HTTPStatus.FORBIDDEN
    assert client.post("/gateway/providers/new/platform", terms).status_code == HTTPStatus.FORBIDDEN
    assert "private address" not in read(client, "/gateway/providers/new")
    answer = staff.post("/gateway/providers/new/platform", terms)
    made = queries.get_provider(None, "openai-eu")
    assert made.private_allowed
    assert "the platform’s" in read(staff, answer["Location"])
    assert client.get(answer["Location"]).status_code == HTTPStatus.NOT_FOUND
    assert "openai-eu" not in read(client, "/gateway/providers")
