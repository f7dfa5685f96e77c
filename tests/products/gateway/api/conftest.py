"""The gateway's doors over an engine whose ledger is in memory, before fake vendors on real sockets."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from patchbay.kernel.keys import services as keys
from patchbay.kernel.keys.contracts import Grant
from patchbay.kernel.plans import queries as plans
from patchbay.lib.asgi.routing import Dispatcher
from patchbay.lib.http.connection import Connection
from patchbay.lib.pool import BlockingPool
from patchbay.lib.shared.memory import MemoryRates
from patchbay.products.gateway.api import visits
from patchbay.products.gateway.api.doors import Shared
from patchbay.products.gateway.api.routes import make_routes
from patchbay.products.gateway.contracts import Catalogue, ModelAlias, ModelTarget, ProviderConfig, ProviderKey
from patchbay.products.gateway.engine.calls import Call, Engine
from patchbay.products.gateway.engine.limits import Limits
from patchbay.products.gateway.engine.routing.router import Router
from patchbay.products.gateway.providers import http
from patchbay.products.gateway.queries import catalogue
from tests.asgi import Answer, call
from tests.fakes.meter import FakeMeter
from tests.fakes.notes import Notes, take_notes
from tests.fakes.provider import PRICES
from tests.fakes.upstream import Upstream, upstream
from tests.fakes.upstream.vendors import Kind
from tests.products.plugs.api.conftest import nowhere

PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "embeddings": "/v1/embeddings",
}
SAID = [{"role": "user", "content": "Say something of some length, please."}]
BODIES: dict[str, dict[str, Any]] = {
    "chat": {"messages": SAID, "max_tokens": 200},
    "responses": {"input": "Say something of some length, please.", "max_output_tokens": 200},
    "messages": {"messages": SAID, "max_tokens": 200},
    "embeddings": {"input": "Say something of some length, please."},
}
SILENCE_SECONDS = 0.3
_CLIENT = ("leave_when", "leaving", "stuck_when")


@dataclass
class House:
    """An organisation with a key, and the vendors whose models it may ask for by name."""

    openai: Upstream
    anthropic: Upstream
    meter: FakeMeter = field(default_factory=FakeMeter)
    notes: Notes = field(default_factory=Notes)
    slept: list[float] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    pool: BlockingPool = field(default_factory=lambda: BlockingPool("test", threads=2, queue=8))

    def __post_init__(self) -> None:
        self.aliases: dict[str, ModelAlias] = {}
        self.engine = Engine(meter=self.meter, router=Router(sleep=self._sleep))
        shared = Shared(self.engine, self.pool, Limits(MemoryRates(lambda: 0.0)))
        self.app = Dispatcher(make_routes(shared), nowhere)
        self.add_key("sme_live_one", "org_1")

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def add_key(self, secret: str, organisation_id: str, **fields: Any) -> None:
        values = {"permission": "full", "environment": "live", "requests_per_minute": 6000, "plan_code": "free"}
        given = {"plug_id": None, "name": "Key", "expires_at": None} | values | fields
        self.grants[secret] = Grant(key_id=f"key_{secret}", organisation_id=organisation_id, **given)

    def alias(self, name: str, *targets: tuple[Kind, str], provider: dict[str, Any] | None = None, **more: Any) -> str:
        """Let `name` stand for models of the vendors, in this order."""
        made = []
        for order, (kind, model) in enumerate(targets):
            fake = self.openai if kind == "openai" else self.anthropic
            keys = (ProviderKey(f"{kind}_key", fake.api_key),)
            config = ProviderConfig(kind, kind, kind, fake.base_url, keys, private_allowed=True, **(provider or {}))
            made.append(ModelTarget(f"{name}-{order}", config, model, order))
        self.aliases[name] = ModelAlias(name, tuple(made), **more)
        return name

    def catalogue(self, organisation_id: str) -> Catalogue:
        return Catalogue(organisation_id, self.aliases, **self.rules)

    async def ask(
        self, door: str, model: str, *, stream: bool = False, secret: str = "sme_live_one", **more: Any
    ) -> Answer:
        headers = {"authorization": f"Bearer {secret}"} | more.pop("headers", {})
        sending = {name: more.pop(name) for name in _CLIENT if name in more}
        value = {"model": model} | BODIES[door] | ({"stream": True} if stream else {}) | more
        return await call(self.app, "POST", PATHS[door], value=value, headers=headers, seconds=20, **sending)

    @staticmethod
    def _idle() -> list[Connection]:
        """Connections of our client that wait in its pool for the next request."""
        return [each for each in http.client()._connections if each.usable]

    async def nothing_is_left(self) -> None:
        """Holds, calls, places and connections are back, and no call is kept in memory."""
        async with asyncio.timeout(5):
            for connection in http.client()._connections - set(self._idle()):
                await connection.lost
        assert not self.meter.held
        assert (self.engine.open, self.engine.left) == (0, 0)
        assert all(each.gate.active == 0 for each in self.engine.router._providers.values())
        await asyncio.sleep(0)  # for tasks that are being cancelled
        gc.collect()
        assert not [each for each in gc.get_objects() if isinstance(each, Call)]


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch, settings: Any) -> AsyncIterator[House]:
    settings.UPSTREAM_SILENCE_SECONDS = SILENCE_SECONDS
    gc.freeze()  # what was there before is neither looked through nor found by `nothing_is_left`
    async with AsyncExitStack() as stack:
        stack.callback(gc.unfreeze)
        fakes = [await stack.enter_async_context(upstream(kind)) for kind in ("openai", "anthropic")]
        made = House(*fakes)
        monkeypatch.setattr(keys, "find_cached", made.grants.get)
        monkeypatch.setattr(catalogue, "find_cached_catalogue", made.catalogue)
        monkeypatch.setattr(plans, "find_cached_prices", lambda name: PRICES)
        monkeypatch.setattr(visits, "REQUEST_LOG", made.notes)
        take_notes(monkeypatch, made.notes)
        before = asyncio.all_tasks()
        yield made
        client = http.client()
        await client.close()
        assert client.open_connections == 0
        for fake in fakes:
            await fake.until_open_connections(0)
        left = {task for task in asyncio.all_tasks() - before - {asyncio.current_task()} if not task.done()}
        assert not left, "no task outlives its request"
