"""POST /plugs/{slug}/chat: our own page asks with its session cookie, and no other site can."""

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from patchbay.products.plugs.models import ChatSession
from tests import factories
from tests.asgi import Answer, call
from tests.products.plugs.api.conftest import World, make_plug

HOST = "localhost:8000"


@pytest.fixture
def cookie(world: World) -> str:
    client = Client()
    client.force_login(Membership.objects.get(organisation_id=world.actor.organisation_id).user)
    return f"other=1; {django_settings.SESSION_COOKIE_NAME}={client.cookies[django_settings.SESSION_COOKIE_NAME].value}"


async def ask(world: World, slug: str = "terms", value: Any = None, **headers: str) -> Answer:
    given = {"host": HOST, "origin": f"http://{HOST}"} | headers
    return await call(world.app, "POST", f"/plugs/{slug}/chat", value=value or {"message": "How long?"}, headers=given)


async def test_a_member_is_answered_and_the_organisation_pays(world: World, cookie: str) -> None:
    answer = await ask(world, value={"message": "How long?", "stream": True}, cookie=cookie)
    assert [name for name, _ in answer.events] == ["delta", "delta", "citation", "done"]
    [charge] = world.meter.charges
    assert (charge.caller.organisation_id, charge.caller.key_id) == (world.actor.organisation_id, None)
    assert charge.caller.user_id == world.actor.user_id
    session = await world.pool.run(ChatSession.objects.get)
    assert (session.user_id, session.key_id) == (world.actor.user_id, None)


async def test_the_plug_is_the_paths_whatever_the_body_says(world: World, cookie: str) -> None:
    await world.pool.run(make_plug, world.actor.organisation_id, "other")
    answer = await ask(world, value={"message": "How long?", "plugin_id": "other"}, cookie=cookie)
    assert answer.json()["plug"] == "terms"


@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://evil.example", f"http://{HOST}.evil.example", "http://localhost:8001", f"ftp://{HOST}"],
)
async def test_another_site_cannot_ask_with_the_session(world: World, cookie: str, origin: str) -> None:
    answer = await ask(world, cookie=cookie, origin=origin)
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")
    assert not world.meter.charges


async def test_a_secure_site_takes_its_pages_over_https_alone(world: World, cookie: str, settings: Any) -> None:
    settings.SECURE, settings.CSRF_TRUSTED_ORIGINS = True, []
    assert (await ask(world, cookie=cookie)).status == 403
    assert (await ask(world, cookie=cookie, origin=f"https://{HOST}")).status == 200


@pytest.mark.parametrize("cookie_header", ["", "sessionid=", "sessionid=nonsense", "=;=", "sessionid"])
async def test_without_a_session_nobody_is_answered(world: World, cookie_header: str) -> None:
    answer = await ask(world, cookie=cookie_header)
    assert (answer.status, answer.json()["code"]) == (401, "unauthenticated")


async def test_an_api_key_is_no_session(world: World) -> None:
    assert (await ask(world, authorization=f"Bearer {world.key.secret}")).status == 401


async def test_a_session_is_no_api_key(world: World, cookie: str) -> None:
    value = {"message": "How long?", "plugin_id": "terms"}
    answer = await call(world.app, "POST", "/v1/chat", value=value, headers={"cookie": cookie})
    assert answer.status == 401


async def test_a_strangers_plug_is_not_found(world: World, cookie: str) -> None:
    stranger = await world.pool.run(factories.owner)
    await world.pool.run(make_plug, stranger.organisation_id, "secret")
    assert (await ask(world, slug="secret", cookie=cookie)).status == 404


async def test_a_removed_member_is_refused_at_once(world: World, cookie: str) -> None:
    await world.pool.run(Membership.objects.all().delete)
    assert (await ask(world, cookie=cookie)).status == 403
