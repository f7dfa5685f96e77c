"""Wrong input in any field of any form: refused with 422 beside that field, what was typed kept; never a failure."""

from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

import lxml.html
import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from patchbay.kernel.accounts.models import User
from patchbay.kernel.keys import services as keys
from patchbay.products.plugs import services as plugs
from tests import factories
from tests.factories import gateway

pytestmark = pytest.mark.django_db

BAD = ("", "   ", "x" * 10_001, "😀\u202eעברית", "a\0b", "-1", "1e9", "1e999", "<script>x</script>")
RIGHT = {
    "name": "Good",
    "targets-0-model": "fast",
    "base_url": "https://models.example/v1",
    "api_key": "sk-good",
    "email": "new@larkfield.example",
    "login": "new@larkfield.example",
    "company": "Larkfield",
    "password": factories.PASSWORD,
    "password1": factories.PASSWORD,
}
"""What stands in a field that is empty at first and must not be, while another is put to the test."""
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
OPEN = ("/login", "/register", "/password/reset")
TYPED = ("text", "email", "number", "url", "textarea")


@dataclass(frozen=True)
class Form:
    """A form of a page: where it goes, what it sends untouched, and its fields by name with their kinds."""

    action: str
    method: str
    values: dict[str, str]
    kinds: dict[str, str]


@pytest.fixture
def owner() -> factories.Membership:
    """One who runs this Patchbay too, and so sees every form."""
    membership = factories.membership(plan="enterprise")
    User.objects.filter(pk=membership.user_id).update(is_staff=True)
    return type(membership).objects.select_related("user", "organisation").get(pk=membership.pk)


@pytest.fixture
def addresses(owner: factories.Membership) -> dict[str, str]:
    actor = owner.actor()
    plugs.create_plug(actor=actor, name="Terms")
    key = keys.create_key(actor=actor, name="Key").key
    provider, model = gateway.own_model(actor)
    factories.member(owner.organisation_id)
    return {"key": key.id, "provider": provider.id, "provider_key": provider.keys[0].id, "model": model.id}


def client_of(member: factories.Membership | None) -> Client:
    client = Client(raise_request_exception=False)
    if member:
        client.force_login(member.user, backend=BACKEND)
    return client


def forms_of(client: Client, page: str) -> Iterator[Form]:
    answer = client.get(page)
    assert answer.status_code == 200, page
    for form in lxml.html.fromstring(answer.content.decode()).forms:
        action = form.action or page
        if "logout" in action or "switch" in action:
            continue
        names = [name for name in form.fields if name and name != "csrfmiddlewaretoken"]
        kinds = {name: _kind(form.inputs[name]) for name in names}
        values = {name: form.fields[name] or _right(form.inputs[name], name) for name in names}
        yield Form(action, form.method, {name: value for name, value in values.items() if value is not None}, kinds)


def _right(control: Any, name: str) -> str | None:
    return (control.value_options or [None])[-1] if getattr(control, "tag", "") == "select" else RIGHT.get(name)


def _kind(control: Any) -> str:
    return str(getattr(control, "type", None) or getattr(control, "tag", None) or "group")


def faults(form: Form, name: str, bad: str, answer: Any) -> Iterator[str]:
    """Say what is wrong with the answer to a wrong value."""
    tried = f"{form.action} {name}={bad[:20]!r}"
    if answer.status_code >= 500 or (form.method == "GET" and answer.status_code != (400 if "\0" in bad else 200)):
        yield f"{tried}: {answer.status_code}"
    if answer.status_code == 200 and form.method == "POST" and "aria-invalid" in answer.content.decode():
        yield f"{tried}: refused with 200"
    if answer.status_code != 422 or form.kinds[name] not in TYPED:
        return
    page = lxml.html.fromstring(answer.content.decode())
    controls = [each for each in page.iter("input", "textarea") if each.get("name") == name]
    refused = [each for each in controls if each.get("aria-invalid") == "true"]
    if not refused:
        yield f"{tried}: no fault at the field"
    elif " ".join((refused[0].value or "").replace("\ufffd", "\0").split()) != " ".join(bad.split()):
        yield f"{tried}: not kept"
    elif not page.get_element_by_id(refused[0].get("aria-describedby").split()[-1]).text_content().strip():
        yield f"{tried}: no word about it"


@pytest.mark.parametrize(
    "address",
    [
        *OPEN,
        "/settings",
        "/members",
        "/api-keys",
        "/api-keys/{key}/change",
        "/api-keys/{key}/rotate",
        "/usage",
        "/plugs",
        "/gateway/requests",
        "/gateway/models/prices",
        "/gateway/models/new",
        "/gateway/models/{model}",
        "/gateway/providers/new",
        "/gateway/providers/new/platform",
        "/gateway/providers/{provider}",
        "/gateway/providers/{provider}/keys/{provider_key}/rotate",
        "/gateway/rules",
        "/audit",
        "/password/change",
    ],
)
def test_wrong_input_is_refused_beside_its_field_and_kept(
    owner: factories.Membership, addresses: dict[str, str], address: str
) -> None:
    found: list[str] = []
    client = client_of(None if address in OPEN else owner)
    forms = list(forms_of(client, address.format(**addresses)))
    assert forms
    signed_in = client.cookies.output(header="", sep=";")
    for form in forms:
        for name in form.kinds:
            for bad in BAD:
                cache.clear()  # it counts forms and wrong passwords
                client.cookies = SimpleCookie(signed_in)
                send = client.get if form.method == "GET" else client.post
                before = transaction.savepoint()  # what one value changed must not be in the way of the next
                answer = send(form.action, form.values | {name: bad})
                transaction.savepoint_rollback(before)
                assert address in OPEN or not answer.get("Location", "").startswith("/login")
                found += faults(form, name, bad, answer)
    assert found == []
