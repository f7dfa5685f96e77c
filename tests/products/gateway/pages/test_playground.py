"""The playground: its page, its door for members of our own pages, and what an answer used and cost."""

from http import HTTPStatus
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.usage import services as usage
from patchbay.lib.asgi.routing import Dispatcher
from patchbay.lib.asgi.types import Receive, Scope, Send
from patchbay.lib.pool import BlockingPool
from patchbay.lib.shared.memory import MemoryRates
from patchbay.products.gateway.api.doors import Shared
from patchbay.products.gateway.api.routes import make_routes
from patchbay.products.gateway.contracts import OFFLINE_MODEL
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.engine.calls import Engine
from patchbay.products.gateway.engine.limits import Limits
from patchbay.products.gateway.services import set_rules
from patchbay.products.gateway.wire.contracts import TokenUsage
from tests import factories
from tests.asgi import Answer, call
from tests.factories import requests
from tests.fakes.meter import FakeMeter
from tests.fakes.model import FakeModel

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "localhost:8000"
BODY = {"model": OFFLINE_MODEL, "messages": [{"role": "user", "content": "Hello?"}], "max_tokens": 50}


class World:
    """The gateway's routes over a fake model and meter, and a member's cookie."""

    def __init__(self, cookie: str) -> None:
        self.cookie = cookie
        self.meter = FakeMeter()
        self.pool = BlockingPool("test", threads=2, queue=8)
        shared = Shared(Engine(meter=self.meter), self.pool, Limits(MemoryRates(lambda: 0.0)))
        self.app = Dispatcher(make_routes(shared), nowhere)

    async def ask(self, value: Any = None, **headers: str) -> Answer:
        given = {"host": HOST, "origin": f"http://{HOST}", "cookie": self.cookie} | headers
        path = "/gateway/playground/completions"
        return await call(self.app, "POST", path, value=value or BODY, headers=given)


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError(f"{scope['path']} should be a raw route")


@pytest.fixture
def world(client: Client, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    registry.register_local(OFFLINE_MODEL, FakeModel("Hello ", "there.", usage=TokenUsage(prompt=12, completion=3)))
    name = django_settings.SESSION_COOKIE_NAME
    return World(f"{name}={client.cookies[name].value}")


def test_the_page_offers_the_models_that_may_be_asked(client: Client, owner: Membership) -> None:
    page = client.get("/gateway/playground?model=patchbay/offline").content.decode()
    assert f"selected>{OFFLINE_MODEL}</option>" in page
    assert "data-copy-text" in page
    set_rules(actor=owner.actor(), allowed_models=["smart"])
    assert OFFLINE_MODEL not in client.get("/gateway/playground?model=patchbay/offline").content.decode()


def test_viewers_open_it(viewer: Client) -> None:
    assert viewer.get("/gateway/playground").status_code == HTTPStatus.OK


async def test_a_member_is_answered_and_the_organisation_pays(world: World, owner: Membership) -> None:
    answer = await world.ask()
    assert answer.json()["choices"][0]["message"]["content"] == "Hello there."
    assert answer.headers["x-patchbay-tries"] == "1"
    [charge] = world.meter.charges
    assert (charge.caller.organisation_id, charge.caller.user_id) == (owner.organisation_id, owner.user_id)
    assert charge.caller.key_id is None
    assert charge.act.request_id == answer.headers["x-request-id"]


async def test_the_answer_streams_in_the_chat_format(world: World) -> None:
    answer = await world.ask(BODY | {"stream": True})
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert b'"Hello "' in answer.body
    assert len(world.meter.charges) == 1


async def test_the_organisations_budget_caps_its_pages_too(world: World, owner: Membership) -> None:
    await world.pool.run(usage.set_organisation_budget, actor=owner.actor(), cap_micro=1)
    await world.ask()
    caps = await world.pool.run(ledger.list_caps, owner.organisation_id)
    assert world.meter.charges[0].caller.budgets == caps != ()


@pytest.mark.parametrize("origin", ["", "null", "http://evil.example", "http://localhost:8001"])
async def test_another_site_cannot_spend_with_the_session(world: World, origin: str) -> None:
    answer = await world.ask(origin=origin)
    assert (answer.status, answer.json()["error"]["code"]) == (403, "forbidden")
    assert not world.meter.charges


async def test_a_form_of_another_site_cannot_even_be_read(world: World) -> None:
    answer = await world.ask(**{"content-type": "text/plain"})
    assert answer.status in {400, 415}
    assert not world.meter.charges


async def test_without_a_session_or_with_a_key_nobody_is_answered(world: World) -> None:
    secret = (await world.pool.run(factories.key)).secret
    for headers in ({"cookie": ""}, {"cookie": "", "authorization": f"Bearer {secret}"}):
        answer = await world.ask(**headers)
        assert (answer.status, answer.json()["error"]["code"]) == (401, "unauthenticated")


async def test_a_session_is_no_key(world: World) -> None:
    headers = {"cookie": world.cookie, "host": HOST, "origin": f"http://{HOST}"}
    answer = await call(world.app, "POST", "/v1/chat/completions", value=BODY, headers=headers)
    assert answer.status == 401


async def test_a_model_that_is_not_allowed_is_refused_in_words(world: World, owner: Membership) -> None:
    await world.pool.run(set_rules, actor=owner.actor(), allowed_models=["smart"])
    answer = await world.ask()
    assert (answer.status, answer.json()["error"]["code"]) == (403, "model_not_allowed")


def test_what_an_answer_used_and_cost_is_a_fragment(client: Client, owner: Membership) -> None:
    request_id = requests.success(owner.organisation_id, detail={"target": "openai/gpt-4.1", "first_ms": 698})
    page = client.get(f"/gateway/playground/results/{request_id}").content.decode()
    assert "<html" not in page
    for said in ("openai/gpt-4.1, 1 try", "3,184 ms", "after 698 ms", "2<small>.648</small>", "691"):
        assert said in " ".join(page.split())
    assert f"/gateway/requests/{request_id}" in page


def test_viewers_read_their_own_results_alone(viewer: Client, stranger: Client, owner: Membership) -> None:
    me = str(viewer.session["_auth_user_id"])
    mine = requests.success(owner.organisation_id, user_id=me)
    other = requests.success(owner.organisation_id, user_id=owner.user_id)
    page = viewer.get(f"/gateway/playground/results/{mine}")
    assert page.status_code == HTTPStatus.OK
    assert "/gateway/requests/" not in page.content.decode()
    assert viewer.get(f"/gateway/playground/results/{other}").status_code == HTTPStatus.NOT_FOUND
    assert stranger.get(f"/gateway/playground/results/{mine}").status_code == HTTPStatus.NOT_FOUND
