"""From an uploaded document to a verified answer by a real model's protocol: retrieval, prompt, stream, citations."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from patchbay.kernel.jobs import worker
from patchbay.lib.asgi.routing import Dispatcher
from patchbay.lib.shared.memory import MemoryRates
from patchbay.products.gateway.engine.calls import Engine
from patchbay.products.gateway.engine.limits import Limits
from patchbay.products.plugs import services
from patchbay.products.plugs.api.chat import ChatDoor, make_routes
from patchbay.products.plugs.engine.answering.prepare import DocumentAnswering
from patchbay.products.plugs.models import VersionText
from tests.fakes.upstream import Script, Upstream, upstream
from tests.fakes.vendors.model import Reply
from tests.products.plugs.api.conftest import World, name_model, nowhere

TEXT = """# Terms

## 8 Payment

Invoices are due within thirty (30) days of receipt. Late payments bear interest at eight percent a year.
"""


@pytest.fixture
async def server(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Upstream]:
    def upload() -> None:
        services.upload_document(
            actor=world.actor, plug=world.plug, file=ContentFile(TEXT.encode()), filename="terms.md"
        )
        worker.run_pending()

    await world.pool.run(upload)
    engine = Engine(meter=world.meter)
    door = ChatDoor(
        engine=engine, answering=DocumentAnswering(), pool=world.pool, limits=Limits(MemoryRates(lambda: 0.0))
    )
    world.app = Dispatcher(make_routes(door), nowhere)
    async with upstream("openai") as fake:
        name_model(settings, monkeypatch, "gpt-big", fake.base_url, fake.api_key)
        yield fake


def stored_text(document_id: str, number: int) -> str:
    return VersionText.objects.get(version__document_id=document_id, version__number=number).text


def say(server: Upstream, text: str) -> None:
    """Let the model stream this; the fake cuts it through words and marks."""
    server.then(Script(Reply(text)))


async def test_a_true_quote_becomes_a_citation_that_stands_in_the_stored_text(world: World, server: Upstream) -> None:
    say(server, "answered\nYou have thirty days to pay. [[1|due within thirty (30) days]]")
    answer = await world.ask("How long do I have to pay an invoice?", stream=True)
    done = answer.events[-1][1]
    assert done["outcome"] == "answered"
    [citation] = done["citations"]
    text = await world.pool.run(stored_text, citation["document_id"], citation["document_version"])
    assert text[citation["start"] : citation["end"]] == citation["quote"] == "due within thirty (30) days"
    assert (citation["title"], citation["verified"]) == ("terms", True)
    shown = "".join(value["text"] for name, value in answer.events if name == "delta")
    assert shown == done["answer"]
    assert "[[" not in shown
    assert "due within thirty (30) days" in server.calls[0].body["messages"][-1]["content"]


async def test_an_invented_quote_never_leaves(world: World, server: Upstream) -> None:
    say(server, "answered\nThe late fee is 500 dollars. [[1|a late fee of 500 dollars]]")
    answer = await world.ask("How much is the late fee?", stream=True)
    assert b"500 dollars" not in answer.body
    done = answer.events[-1][1]
    assert done["outcome"] != "answered"
    assert done["guardrails"] == [{"kind": "unsupported", "action": "withheld", "where": "answer"}]
    assert all(citation["quote"] in TEXT for citation in done["citations"])
    assert len(world.meter.charges) == 1
