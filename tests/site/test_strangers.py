"""The stranger test: another organisation's key and session at every route and operation.

It is generated from the one table of operations and from the URL configuration, so that a new route is attacked
without anybody remembering to; a path parameter that it does not know fails.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from patchbay.config.asgi import make_application
from patchbay.kernel.accounts.models import Membership
from patchbay.site.openapi import document
from tests import asgi, factories
from tests.factories import gateway as gateway_factories
from tests.factories import plugs as plug_factories

pytestmark = pytest.mark.django_db(transaction=True)
HIDDEN = {403, 404}
SECRET_WORD = "zyxquark"  # stands in the victim's texts, names and questions, and nowhere else


@dataclass(frozen=True)
class World:
    """A victim with one of everything, and a stranger with an organisation and key of their own."""

    ids: dict[str, str]
    stranger_key: str
    stranger: Membership


@pytest.fixture
def world(ledger_runtime: Any) -> World:
    victim = factories.membership(company=f"Victim {SECRET_WORD}")
    stranger = factories.membership(company="Stranger")
    actor = victim.actor()
    key = factories.key(actor, name=f"Key {SECRET_WORD}")
    made = plug_factories.plug_with_everything(actor, SECRET_WORD)
    colleague = factories.member(victim.organisation_id, "viewer")
    provider, model = gateway_factories.own_model(actor, SECRET_WORD)
    ids = {
        "plug": made.plug_id,
        "plug_id": made.plug_id,
        "slug": made.slug,
        "document": made.document_id,
        "document_id": made.document_id,
        "session": made.session_id,
        "session_id": made.session_id,
        "key_id": key.key.id,
        "member_id": colleague.id,
        "membership_id": colleague.id,
        "user_id": colleague.user_id,
        "event_id": made.audit_event_id,
        "provider_id": provider.id,
        "provider_key_id": provider.keys[0].id,
        "model_id": model.id,
        "model": gateway_factories.own_model(actor, "of-the-victim")[1].name,
        "request_id": made.request_id,
        "organisation_id": victim.organisation_id,
        "n": "1",
        "number": "1",
        "version": "1",
    }
    return World(ids, factories.key(stranger.actor()).secret, stranger)


def operations() -> list[tuple[str, str]]:
    return [(method.upper(), path) for path, methods in document()["paths"].items() for method in methods]


def refusal_types(method: str, path: str) -> set[str]:
    """Return how an operation says no by the document: problem details, or the shape of a vendor whose door it is."""
    return set(document()["paths"][path][method.lower()]["responses"]["4XX"]["content"])


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda match: ids[match[1]], path)


def body_for(method: str, path: str) -> dict[str, Any] | None:
    """The least that an operation accepts, so that it gets as far as looking for what is not the stranger's."""
    if method == "GET":
        return None
    return {
        "message": "What does it say?",
        "plugin_id": "{plug_id}",
        "name": "Taken over",
        "permission": "full",
        "api_key": "sk",
    }


async def test_a_stranger_reaches_nothing_through_the_api(world: World) -> None:
    app = make_application()
    leaks = []
    for method, path in operations():
        value = body_for(method, path)
        if value:
            value["plugin_id"] = world.ids["plug_id"]
        headers = {"authorization": f"Bearer {world.stranger_key}"}
        answer = await asgi.call(app, method, filled(path, world.ids), value=value, headers=headers)
        text = answer.body.decode()
        names_victim = "{" in path or path == "/v1/chat"
        refused = answer.status in HIDDEN or (method == "POST" and answer.status in {415, 422})
        own_ids = [
            world.ids[name] for name in ("plug_id", "document_id", "session_id", "key_id", "provider_id", "model_id")
        ]
        if (
            (names_victim and not refused)
            or SECRET_WORD in text
            or (not names_victim and any(victims in text for victims in own_ids))
        ):
            leaks.append((method, path, answer.status, text[:200]))
    assert not leaks


async def test_nobody_reaches_anything_without_a_key(world: World) -> None:
    app = make_application()
    open_doors = []
    for method, path in operations():
        answer = await asgi.call(app, method, filled(path, world.ids), value=body_for(method, path))
        if answer.status != 401 or answer.headers["content-type"] not in refusal_types(method, path):
            open_doors.append((method, path, answer.status))
    assert not open_doors


def pages() -> Iterator[str]:
    """Every page's route that names something, as `/plugs/{slug}/documents/{document_id}`."""

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            route = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif "{" in route:
                yield "/" + route

    for route in walk(get_resolver().url_patterns, ""):
        if not route.startswith(("/v1/", "/static/")) and "(?P" not in route and "^" not in route:
            yield route


# What a path may name that belongs to nobody's organisation: one-time links, and mail, which is the operator's.
PUBLIC = {"uidb36", "key", "message_id"}


FORM = {"role": "viewer", "name": "Taken over", "confirm": "yes"}


def test_a_stranger_reaches_nothing_through_the_pages(world: World) -> None:
    client = Client()
    client.force_login(world.stranger.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    leaks = []
    for path in sorted(set(pages())):
        if set(re.findall(r"{(\w+)}", path)) <= PUBLIC:
            continue
        for method in ("get", "post"):
            answer = getattr(client, method)(filled(path, world.ids), FORM)
            if answer.status_code not in HIDDEN | {405} or SECRET_WORD in answer.content.decode():
                leaks.append((method, path, answer.status_code))
    assert not leaks
