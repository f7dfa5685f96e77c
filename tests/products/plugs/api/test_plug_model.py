"""A plug as a model at the gateway's doors: what was deleted is not told again, and no label is made up."""

import pytest
from django.core.files.base import ContentFile

from patchbay.kernel.jobs import worker
from patchbay.lib.asgi.routing import Dispatcher
from patchbay.lib.shared.memory import MemoryRates
from patchbay.products.gateway.api.doors import Shared
from patchbay.products.gateway.api.routes import make_routes
from patchbay.products.gateway.contracts import PLUG_PREFIX
from patchbay.products.gateway.engine import metrics, registry
from patchbay.products.gateway.engine.calls import Engine
from patchbay.products.gateway.engine.limits import Limits
from patchbay.products.plugs import services
from patchbay.products.plugs.engine.answering.prepare import DocumentAnswering
from patchbay.products.plugs.model import PlugModel
from patchbay.products.plugs.models import Document
from tests import factories
from tests.asgi import Answer, call
from tests.products.plugs.api.conftest import World, make_plug, nowhere

TEXT = b"# Terms\n\nInvoices are due within thirty (30) days of receipt.\n"


@pytest.fixture
def doors(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(registry, "_prefixes", {PLUG_PREFIX: PlugModel(answering=DocumentAnswering(), pool=world.pool)})
    shared = Shared(Engine(meter=world.meter), world.pool, Limits(MemoryRates(lambda: 0.0)))
    world.app = Dispatcher(make_routes(shared), nowhere)
    return world


async def complete(world: World, model: str, *, secret: str | None = None, **headers: str) -> Answer:
    value = {"model": model, "messages": [{"role": "user", "content": "When are invoices due?"}]}
    headers = {"authorization": f"Bearer {secret or world.key.secret}"} | headers
    return await call(world.app, "POST", "/v1/chat/completions", value=value, headers=headers)


async def test_a_deleted_document_or_plug_does_not_answer_from_the_cache(doors: World) -> None:
    world = doors

    def upload() -> Document:
        file = ContentFile(TEXT)
        made = services.upload_document(actor=world.actor, plug=world.plug, file=file, filename="terms.md")
        worker.run_pending()
        return made

    document = await world.pool.run(upload)
    world.answers("answered\nYou have thirty days. [[1|due within thirty (30) days]]")
    cache = {"x-patchbay-cache": "3600"}
    first = await complete(world, "plug/terms", **cache)
    assert b"thirty" in first.body
    await world.pool.run(lambda: services.delete_document(actor=world.actor, plug=world.plug, document_id=document.id))
    world.answers("declined\n")
    assert b"thirty" not in (await complete(world, "plug/terms", **cache)).body
    await world.pool.run(lambda: services.delete_plug(actor=world.actor, plug_id=world.plug.id))
    assert (await complete(world, "plug/terms", **cache)).status == 404


async def test_a_key_for_one_plug_is_told_of_no_other_model(doors: World) -> None:
    world = doors
    await world.pool.run(make_plug, world.actor.organisation_id, "merger-with-acme")
    narrow = await world.pool.run(factories.key, world.actor, plug_id=world.plug.id)
    headers = {"authorization": f"Bearer {narrow.secret}"}
    listed = await call(world.app, "GET", "/v1/models", headers=headers)
    assert [model["id"] for model in listed.json()["data"]] == ["plug/terms"]
    assert (await call(world.app, "GET", "/v1/models/plug/merger-with-acme", headers=headers)).status == 404
    assert (await call(world.app, "GET", "/v1/models/plug/terms", headers=headers)).status == 200


async def test_a_plug_that_is_none_makes_no_label(doors: World) -> None:
    assert (await complete(doors, "plug/made-up")).status == 404
    value = {"model": "plug/made-up", "messages": [{"role": "assistant", "content": "No question."}]}
    headers = {"authorization": f"Bearer {doors.key.secret}"}
    assert (await call(doors.app, "POST", "/v1/chat/completions", value=value, headers=headers)).status == 400
    assert not any("plug/made-up" in labels for labels in metrics.SECONDS.values)
    assert doors.notes.failures[0].alias == "plug/made-up", "the organisation's own log says what was asked"


async def test_a_plug_that_answered_is_counted_by_its_name(doors: World) -> None:
    doors.answers("declined\n")
    await complete(doors, "plug/terms")
    assert any("plug/terms" in labels for labels in metrics.SECONDS.values)
