"""A chat door whose meter, model and answering are fakes; plugs, keys, sessions and people are real rows."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from patchbay.kernel.accounts import services as accounts
from patchbay.kernel.keys.contracts import CreatedKey
from patchbay.lib.actor import Actor
from patchbay.lib.asgi.routing import Dispatcher
from patchbay.lib.asgi.types import Receive, Scope, Send
from patchbay.lib.pool import BlockingPool
from patchbay.lib.shared.memory import MemoryRates
from patchbay.products.gateway.cache import CatalogueCache
from patchbay.products.gateway.contracts import OFFLINE_MODEL
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.engine.calls import Engine
from patchbay.products.gateway.engine.limits import Limits
from patchbay.products.gateway.queries import catalogue
from patchbay.products.gateway.wire.contracts import TokenUsage
from patchbay.products.plugs.api.chat import ChatDoor, make_routes
from patchbay.products.plugs.models import Plug, PlugVersion
from tests import factories
from tests.asgi import Answer, call
from tests.fakes.answering import FakeAnswering
from tests.fakes.meter import FakeMeter
from tests.fakes.model import FakeModel
from tests.fakes.notes import Notes, take_notes


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError(f"{scope['path']} should be a raw route")


@dataclass
class World:
    """One organisation with a plug and a key, and the door it asks at."""

    actor: Actor
    plug: Plug
    key: CreatedKey
    meter: FakeMeter = field(default_factory=FakeMeter)
    answering: FakeAnswering = field(default_factory=FakeAnswering)
    notes: Notes = field(default_factory=Notes)
    pool: BlockingPool = field(default_factory=lambda: BlockingPool("test", threads=2, queue=8))

    def __post_init__(self) -> None:
        self.provider = self.answers("Thirty ", "days.")
        engine = Engine(meter=self.meter)
        door = ChatDoor(
            engine=engine, answering=self.answering, pool=self.pool, limits=Limits(MemoryRates(lambda: 0.0))
        )
        self.app = Dispatcher(make_routes(door), nowhere)

    def answers(self, *pieces: str, **more: Any) -> FakeModel:
        """Let the built-in model say this from now on."""
        more.setdefault("usage", TokenUsage(prompt=1200, completion=34, cached=200))
        self.provider = FakeModel(*pieces, **more)
        registry.register_local(OFFLINE_MODEL, self.provider)
        return self.provider

    async def ask(self, message: str = "How long?", *, secret: str | None = None, **more: Any) -> Answer:
        headers = {"authorization": f"Bearer {secret or self.key.secret}"} | more.pop("headers", {})
        leave_when = more.pop("leave_when", None)
        value = {"message": message, "plugin_id": self.plug.slug} | more
        return await call(self.app, "POST", "/v1/chat", value=value, headers=headers, leave_when=leave_when)


def make_plug(organisation_id: str, slug: str) -> Plug:
    plug = Plug.objects.create(organisation_id=organisation_id, slug=slug, name=slug.title(), published_number=3)
    PlugVersion.objects.create(plug=plug, number=2, persona="An older persona.")
    PlugVersion.objects.create(plug=plug, number=3, persona="You are exact.")
    return plug


def name_model(settings: Any, monkeypatch: pytest.MonkeyPatch, model: str, base_url: str, api_key: str) -> None:
    """Set the operator's model, as the environment does before the start."""
    settings.MODEL, settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = model, base_url, api_key
    monkeypatch.setattr(catalogue, "_cache", CatalogueCache(catalogue._load_platform, catalogue._load_own))


@pytest.fixture
def world(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    actor = factories.owner()
    made = World(actor, make_plug(actor.organisation_id, "terms"), factories.key(actor))
    take_notes(monkeypatch, made.notes)
    return made


@pytest.fixture
def platform_plug(world: World) -> Plug:
    return make_plug(accounts.ensure_platform_organisation().pk, "legal-v1")
