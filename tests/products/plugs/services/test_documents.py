"""A document comes, answers, changes, fails and goes, and nothing is ever half there."""

import os
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django_tasks_db.models import DBTaskResult

from patchbay.kernel.audit import queries as audit
from patchbay.kernel.events.models import OutboxEvent
from patchbay.kernel.search import services as search
from patchbay.lib.actor import Actor
from patchbay.lib.errors import ForbiddenError, InvalidError, NotFoundError, TooLargeError, UnsupportedMediaError
from patchbay.products.plugs import queries, services
from patchbay.products.plugs.contracts import MAX_UPLOAD_BYTES
from patchbay.products.plugs.engine.answering.retrieve import retrieve
from patchbay.products.plugs.engine.contracts import Question
from patchbay.products.plugs.models import Document, DocumentVersion, Unit, VersionText
from patchbay.products.plugs.services import documents, indexing
from tests import factories
from tests.products.plugs.files import PIXEL, docx_bomb, encrypted_pdf, pdf_of
from tests.products.plugs.services.conftest import Desk

pytestmark = pytest.mark.django_db

LEASE = "# Lease\n\n## 2 Rent\n\nThe rent is due on the first working day of each quarter.\n"
LATER = "# Lease\n\n## 2 Rent\n\nThe rent is payable monthly in advance.\n"


def found(desk: Desk, query: str) -> list[str]:
    question = Question(desk.actor.organisation_id, desk.plug.id, desk.plug.organisation_id, "", query)
    return [passage.text for passage in retrieve(question).evidence.passages]


def files(storage: Path) -> list[Path]:
    return [path for path in storage.rglob("*") if path.is_file()]


def test_an_upload_is_processing_then_ready_and_found(desk: Desk) -> None:
    document = desk.upload(LEASE, "My lease.md")
    assert document.latest
    assert (document.title, document.latest.number, document.latest.status) == ("My lease", 1, "processing")
    assert found(desk, "rent quarter") == []
    document = desk.index(document)
    assert document.latest == document.current
    assert document.latest
    assert (document.latest.status, document.latest.chunks, document.latest.pages) == ("ready", 1, None)
    assert found(desk, "rent quarter") == ["The rent is due on the first working day of each quarter."]


def test_the_worker_is_asked_in_the_same_transaction(desk: Desk) -> None:
    desk.upload(LEASE)
    assert DBTaskResult.objects.count() == 1


def test_every_unit_is_a_slice_of_the_stored_text_on_its_page(desk: Desk) -> None:
    document = desk.ready(pdf_of([f"Clause about matter number {name}." for name in "abc"]), "a.pdf")
    assert document.latest
    assert document.latest.pages == 3
    text, starts = queries.get_stored_text(document.latest.pk)
    for unit in Unit.objects.all():
        assert text[unit.start : unit.end] == queries.get_text(document, 1, unit.start, unit.end)
        assert unit.page == sum(start <= unit.start for start in starts)


def test_the_same_content_again_changes_nothing(desk: Desk, storage: Path) -> None:
    document = desk.ready(LEASE)
    again = desk.upload(LEASE, "copy of it.md")
    assert again.pk == document.pk
    assert DocumentVersion.objects.count() == 1
    assert len(files(storage)) == 1


def test_new_content_is_a_new_version_and_the_old_answers_until_it_is_ready(desk: Desk) -> None:
    document = desk.ready(LEASE)
    document = desk.upload(LATER)
    assert found(desk, "rent quarter") == ["The rent is due on the first working day of each quarter."]
    document = desk.index(document)
    assert document.current
    assert document.current.number == 2
    assert found(desk, "rent") == ["The rent is payable monthly in advance."]
    assert "first working day" in queries.get_text(document, 1)


AS_SENT = "Mietverträge \u212b"  # an ångström sign, which neither form leaves as it came
COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", AS_SENT), unicodedata.normalize("NFD", AS_SENT)


@pytest.mark.parametrize("standing", [AS_SENT, COMPOSED, DECOMPOSED])
def test_a_name_in_other_characters_of_the_same_look_is_the_same_document(desk: Desk, standing: str) -> None:
    first = desk.upload(LEASE)
    Document.objects.filter(pk=first.pk).update(title=standing)
    for number, sent in enumerate((AS_SENT, COMPOSED, DECOMPOSED)):
        again = desk.upload(f"{LATER}{number}", f"{sent}.md")
        assert (again.pk, again.latest and again.latest.number) == (first.pk, number + 2)


def test_a_title_is_kept_in_composed_characters(desk: Desk) -> None:
    document = desk.upload(LEASE, unicodedata.normalize("NFD", "Verträge.md"))
    assert document.latest
    assert (document.title, document.latest.filename) == ("Verträge", "Verträge.md")
    assert desk.upload(LATER, "Verträge.md").pk == document.pk


def test_an_older_version_that_finishes_last_does_not_answer(desk: Desk) -> None:
    first = desk.upload(LEASE)
    desk.ready(LATER)
    desk.index(first)
    assert found(desk, "rent") == ["The rent is payable monthly in advance."]
    assert "first working day" in queries.get_text(first, 1)


def test_a_new_version_that_fails_leaves_the_old_one_answering(desk: Desk) -> None:
    desk.ready(pdf_of(["The rent is due quarterly."]), "lease.pdf")
    document = desk.ready(encrypted_pdf(), "lease.pdf")
    assert document.latest
    assert document.current
    assert (document.latest.number, document.latest.status, document.current.number) == (2, "error", 1)
    assert "encrypted" in document.latest.error
    assert len(found(desk, "rent")) == 1


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (encrypted_pdf(), "a.pdf", "encrypted"),
        (docx_bomb(), "a.docx", "unpacks"),
        (b"# \n", "a.md", "no text"),
        (pdf_of(["renamed"]), "really a.txt", ""),
    ],
    ids=["encrypted", "bomb", "wordless", "renamed"],
)
def test_a_bad_file_has_a_status_with_its_reason_and_leaves_nothing(
    desk: Desk, data: bytes, name: str, reason: str
) -> None:
    document = desk.ready(data, name)
    assert document.latest
    assert document.latest.status == ("error" if reason else "ready")
    assert reason in document.latest.error
    assert Unit.objects.exists() == VersionText.objects.exists() == (not reason)


@pytest.mark.parametrize(
    ("data", "name", "error"),
    [
        (b"", "a.md", InvalidError),
        (PIXEL, "a.pdf", UnsupportedMediaError),
        (b"\0\1\2\3" * 100, "a.txt", UnsupportedMediaError),
        (b"no header at all", "a.pdf", UnsupportedMediaError),
        (b"PK\x03\x04 xl/workbook.xml", "a.docx", UnsupportedMediaError),
        (b"text", "/", InvalidError),
    ],
    ids=["empty", "image", "binary", "no pdf", "excel", "nameless"],
)
def test_what_is_no_document_is_refused_and_nothing_is_kept(
    desk: Desk, storage: Path, data: bytes, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        desk.upload(data, name)
    assert caught.value.fields[0].field == "file"  # type: ignore[attr-defined]
    assert not Document.objects.exists()
    assert files(storage) == []


def test_a_file_above_the_limit_is_refused_without_reading_it(desk: Desk) -> None:
    class Endless(File[Any]):
        size = MAX_UPLOAD_BYTES + 1

        def read(self, *args: Any) -> bytes:
            raise AssertionError("nobody needs to read it")

    with pytest.raises(TooLargeError):
        services.upload_document(actor=desk.actor, plug=desk.plug, file=Endless(None), filename="a.md")


def test_nothing_is_half_indexed_when_publishing_breaks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ready(LEASE)
    document = desk.upload(LATER)
    assert document.latest

    def broken(**_: Any) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(search, "index", broken)
        with pytest.raises(RuntimeError):
            services.index_version(document.latest.pk)
    assert found(desk, "rent quarter") == ["The rent is due on the first working day of each quarter."]
    assert Document.objects.get().current != document.latest
    assert not VersionText.objects.filter(version=document.latest).exists()
    desk.index(document)
    assert found(desk, "rent") == ["The rent is payable monthly in advance."]


def test_reading_that_keeps_killing_its_worker_ends_with_an_error(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    document = desk.upload(LEASE)
    assert document.latest

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(indexing, "publish_version", killed)
    for _ in range(indexing.MAX_ATTEMPTS):
        with pytest.raises(KeyboardInterrupt):
            services.index_version(document.latest.pk)
    document = desk.index(document)
    assert document.latest
    assert document.latest.status == "error"
    assert "several times" in document.latest.error


def test_indexing_twice_changes_nothing(desk: Desk) -> None:
    document = desk.ready(LEASE)
    before = list(Unit.objects.values())
    desk.index(document)
    assert list(Unit.objects.values()) == before
    assert OutboxEvent.objects.filter(type="document.ready").count() == 1


def test_reading_again_replaces_the_units_of_the_same_version(desk: Desk) -> None:
    document = desk.ready(LEASE)
    document = services.reindex_document(actor=desk.actor, plug=desk.plug, document_id=document.id)
    assert document.latest
    assert document.latest.status == "processing"
    assert found(desk, "rent quarter")
    document = desk.index(document)
    assert document.latest
    assert (document.latest.number, document.latest.status) == (1, "ready")
    assert len(found(desk, "rent quarter")) == 1


def test_reading_again_with_another_text_is_a_new_version_for_old_offsets_stay_true(desk: Desk) -> None:
    document = desk.ready(LEASE)
    VersionText.objects.update(text="what an older parser made of it")
    services.reindex_document(actor=desk.actor, plug=desk.plug, document_id=document.id)
    document = desk.index(document)
    assert document.current
    assert (document.current.number, document.current.status) == (2, "ready")
    assert queries.get_text(document, 1) == "what an older parser made of it"
    assert "first working day" in queries.get_text(document, 2)


def test_deleting_takes_file_text_units_and_search_with_it(
    desk: Desk, storage: Path, django_capture_on_commit_callbacks: Any
) -> None:
    document = desk.ready(LEASE)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_document(actor=desk.actor, plug=desk.plug, document_id=document.id)
    assert found(desk, "rent") == []
    assert not Unit.objects.exists()
    assert not VersionText.objects.exists()
    assert files(storage) == []
    with pytest.raises(NotFoundError):
        queries.get_document(desk.actor.organisation_id, desk.plug, document.id)
    assert Document.objects.get().deleted_at
    assert desk.ready(LEASE).id != document.id


def test_deleting_keeps_a_file_that_another_plug_uses(
    desk: Desk, storage: Path, django_capture_on_commit_callbacks: Any
) -> None:
    document = desk.ready(LEASE)
    other = Desk(desk.actor, services.create_plug(actor=desk.actor, name="Other"))
    other.ready(LEASE)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_document(actor=desk.actor, plug=desk.plug, document_id=document.id)
    assert len(files(storage)) == 1
    assert len(found(other, "rent quarter")) == 1


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_deleted_elsewhere_while_it_is_uploaded_is_kept(
    desk: Desk, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = desk.ready(LEASE)
    other = Desk(actor, services.create_plug(actor=actor, name="Other"))
    store = documents._store

    def store_then_delete(*args: Any) -> str:
        name = store(*args)
        if Document.objects.filter(id=first.id, deleted_at=None).exists():
            services.delete_document(actor=actor, plug=desk.plug, document_id=first.id)
        return name

    monkeypatch.setattr(documents, "_store", store_then_delete)
    document = other.upload(LEASE)
    latest = other.index(document).latest
    assert latest
    assert (latest.status, latest.error) == ("ready", "")


def test_a_file_whose_upload_was_killed_before_it_was_entered_is_swept_a_day_later(desk: Desk, storage: Path) -> None:
    desk.ready(LEASE)
    [kept] = files(storage)
    orphan, fresh = kept.with_name("a" * 64), kept.with_name("b" * 64)
    for path in (orphan, fresh):
        path.write_bytes(b"left behind")
    days_ago = time.time() - 2 * 24 * 3600
    for path in (orphan, kept):
        os.utime(path, (days_ago, days_ago))
    assert documents.sweep_files() == 1
    assert set(files(storage)) == {kept, fresh}


def test_sweeping_before_the_first_upload_finds_nothing(desk: Desk) -> None:
    assert documents.sweep_files() == 0


def test_a_document_deleted_while_it_is_read_stays_deleted(desk: Desk) -> None:
    document = desk.upload(LEASE)
    services.delete_document(actor=desk.actor, plug=desk.plug, document_id=document.id)
    desk.index(document)
    assert found(desk, "rent") == []
    assert not Unit.objects.exists()


def test_viewers_and_strangers_change_nothing(desk: Desk) -> None:
    viewer = factories.member(desk.actor.organisation_id, "viewer").actor()
    for actor in (viewer, factories.owner()):
        with pytest.raises(ForbiddenError):
            services.upload_document(actor=actor, plug=desk.plug, file=ContentFile(b"x"), filename="a.md")
        with pytest.raises(ForbiddenError):
            services.delete_document(actor=actor, plug=desk.plug, document_id="doc_x")


def test_what_happened_is_audited_and_announced(desk: Desk, actor: Actor) -> None:
    document = desk.ready(LEASE)
    desk.ready(b"# \n", "empty.md")
    services.delete_document(actor=actor, plug=desk.plug, document_id=document.id)
    types = list(OutboxEvent.objects.order_by("id").values_list("type", flat=True))
    assert types == ["document.ready", "document.failed", "document.deleted"]
    actions = {event.action for event in audit.list_events(actor.organisation_id).data}
    assert {"plug.created", "document.created", "document.deleted"} <= actions
