"""A worker that is killed while it indexes: the next one finishes, once."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from patchbay.kernel.events.models import OutboxEvent
from patchbay.kernel.jobs import queries, registry
from patchbay.kernel.ledger.models import Entry
from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Scope
from patchbay.kernel.search.models import IndexedDocument, IndexedUnit
from patchbay.products.plugs.models import Document, DocumentVersion, Unit
from tests.kernel.jobs.conftest import until
from tests.products.plugs.services.conftest import Desk

pytestmark = pytest.mark.django_db(transaction=True)
StartChild = Callable[..., "subprocess.Popen[bytes]"]
SOURCE = "\n\n".join(f"{n}. Berth {n} is closed to ships of more than {n * 7} metres in winter." for n in range(1, 31))


@pytest.fixture(autouse=True)
def no_schedules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_schedules", {})


@pytest.fixture
def start_child(storage: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartChild]:
    started: list[subprocess.Popen[bytes]] = []
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")
    monkeypatch.setenv("PATCHBAY_TEST_CHILD_DATABASE", str(connection.settings_dict["NAME"]))
    monkeypatch.setenv("PATCHBAY_TEST_CHILD_FILES", str(storage))

    def start(*arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.products.plugs.services.child", *arguments]
        started.append(subprocess.Popen(command, env=dict(os.environ)))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def latest(document: Document) -> DocumentVersion:
    return DocumentVersion.objects.get(document=document)


def ready_events(document: Document) -> list[OutboxEvent]:
    return [
        event
        for event in OutboxEvent.objects.filter(type="document.ready")
        if event.payload["document_id"] == document.id
    ]


@pytest.mark.parametrize("point", ["reading", "publishing", "published"])
def test_a_document_whose_worker_is_killed_becomes_ready_once(
    desk: Desk, start_child: StartChild, tmp_path: Path, point: str
) -> None:
    document = desk.upload(SOURCE)
    entries = Entry.objects.count()
    first = start_child(point, str(tmp_path / "there"))
    until((tmp_path / "there").exists)
    first.kill()
    first.wait()
    if point != "published":
        assert latest(document).status == "processing"
        assert not Unit.objects.exists()
        assert not IndexedUnit.objects.exists()
    start_child()
    until(lambda: not (left := queries.get_backlog()).due + left.waiting + left.running, 40)

    version = latest(document)
    assert version.status == "ready"
    assert len(ready_events(document)) == 1
    texts = Counter(IndexedUnit.objects.values_list("text", flat=True))
    assert len(texts) == version.chunks == 30
    assert set(texts.values()) == {1}
    assert IndexedUnit.objects.count() == 30
    assert IndexedDocument.objects.get().units == 30
    hits = search.search(
        scopes=[Scope(document.organisation_id, document.plug_id)], query="berth", limit=50, query_vector=None
    )
    assert len({hit.unit_id for hit in hits}) == len(hits) == 30
    assert not queries.list_dead()
    assert Entry.objects.count() == entries, "reading a document costs nothing, however often it is begun"
