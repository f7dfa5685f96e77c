"""A plug goes whole: what it knew, what it was asked, and the keys that were for it alone."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from patchbay.kernel.audit import queries as audit
from patchbay.kernel.events.models import OutboxEvent
from patchbay.kernel.jobs import worker
from patchbay.kernel.keys import queries as key_queries
from patchbay.kernel.keys import services as keys
from patchbay.kernel.search.models import IndexedDocument, IndexedUnit, IndexScope
from patchbay.lib.actor import Actor
from patchbay.lib.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from patchbay.products.plugs import queries, services
from patchbay.products.plugs.errors import PlugNotFoundError, SharedPlugError
from patchbay.products.plugs.models import ChatMessage, ChatSession, Document, DocumentVersion, Plug, Unit, VersionText
from patchbay.products.plugs.services import documents, plugs, sessions
from tests import factories
from tests.products.plugs.services.conftest import Desk

pytestmark = pytest.mark.django_db

LEASE = "# Lease\n\n## 2 Rent\n\nThe rent is due on the first working day of each quarter.\n"


def files(storage: Path) -> list[Path]:
    return [path for path in storage.rglob("*") if path.is_file()]


def exchange(plug: Plug, session_id: str, *, is_new: bool) -> sessions.Exchange:
    return sessions.Exchange(
        session_id=session_id,
        is_new_session=is_new,
        plug_id=plug.id,
        question="When is the rent due?",
        asked_at=timezone.now(),
        answer_id=f"msg_{session_id}",
        answer_text="Each quarter.",
        answer={"outcome": "answered"},
    )


def delete(desk: Desk) -> None:
    services.delete_plug(actor=desk.actor, plug_id=desk.plug.id)


def test_nothing_that_it_knew_or_was_asked_is_left(
    desk: Desk, storage: Path, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = desk.ready(LEASE), desk.ready("# Annex\n\nThe annex is void.\n", "annex.md")
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_document(actor=desk.actor, plug=desk.plug, document_id=second.id)
    sessions.record_exchange(actor=desk.actor, exchange=exchange(desk.plug, "ses_1", is_new=True))
    delete(desk)
    for model in (Document, DocumentVersion, VersionText, Unit, ChatSession, ChatMessage):
        assert not model.objects.exists()  # type: ignore[attr-defined]
    for model in (IndexScope, IndexedDocument, IndexedUnit):
        assert not model.objects.exists()  # type: ignore[attr-defined]
    for name in (desk.plug.id, desk.plug.slug):
        with pytest.raises(PlugNotFoundError):
            queries.get_plug(desk.actor.organisation_id, name)
    with pytest.raises(NotFoundError):
        queries.get_document(desk.actor.organisation_id, desk.plug, first.id)
    worker.run_pending()
    assert files(storage) == []


def test_files_are_dropped_by_jobs_of_bounded_size(desk: Desk, storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugs, "_FILES_AT_ONCE", 2)
    for number in range(3):
        desk.ready(f"# Note {number}\n\nAll is well.\n", f"note-{number}.md")
    delete(desk)
    assert len(files(storage)) == 3
    worker.run_pending()
    assert files(storage) == []


def test_a_file_that_another_plug_uses_and_that_plug_stay(desk: Desk, storage: Path) -> None:
    desk.ready(LEASE)
    other = Desk(desk.actor, services.create_plug(actor=desk.actor, name="Other"))
    kept = other.ready(LEASE)
    delete(desk)
    worker.run_pending()
    assert len(files(storage)) == 1
    assert "first working day" in queries.get_text(kept, 1)
    assert [scope.collection for scope in IndexScope.objects.all()] == [other.plug.id]


def test_the_slug_is_free_again(desk: Desk) -> None:
    delete(desk)
    again = services.create_plug(actor=desk.actor, name="Tenancy")
    assert (again.slug, again.id != desk.plug.id) == (desk.plug.slug, True)


def test_keys_for_it_alone_are_refused_when_the_call_returns_and_others_work(
    desk: Desk, django_capture_on_commit_callbacks: Any
) -> None:
    scoped = factories.key(desk.actor, plug_id=desk.plug.slug)
    whole = factories.key(desk.actor)
    with django_capture_on_commit_callbacks(execute=True):
        delete(desk)
    with pytest.raises(UnauthenticatedError):
        keys.authenticate(scoped.secret)
    assert keys.find_cached(scoped.secret) is None
    assert keys.authenticate(whole.secret)
    assert key_queries.get_key(desk.actor.organisation_id, scoped.key.id).state == "revoked"


def test_a_key_for_the_plug_or_for_tests_cannot_end_keys_by_deleting_it(desk: Desk) -> None:
    scoped = factories.key(desk.actor, plug_id=desk.plug.slug)
    test = factories.key(desk.actor, environment="test")
    for made in (scoped, test):
        with pytest.raises(ForbiddenError):
            services.delete_plug(actor=keys.authenticate(made.secret).actor(), plug_id=desk.plug.id)
    assert Plug.objects.filter(pk=desk.plug.pk).exists()
    assert keys.authenticate(scoped.secret)


def test_who_may_not_change_it_does_not_delete_it(desk: Desk) -> None:
    with pytest.raises(ForbiddenError):
        services.delete_plug(actor=factories.member(desk.actor.organisation_id, "viewer").actor(), plug_id=desk.plug.id)
    with pytest.raises(PlugNotFoundError):
        services.delete_plug(actor=factories.owner(), plug_id=desk.plug.id)
    assert Plug.objects.filter(pk=desk.plug.pk).exists()


def test_a_plug_that_ships_is_refused(actor: Actor) -> None:
    services.install_first_party()
    with pytest.raises(SharedPlugError):
        services.delete_plug(actor=actor, plug_id="legal-v1")
    assert queries.get_plug(actor.organisation_id, "legal-v1")


def test_it_is_audited_and_announced_once(desk: Desk) -> None:
    desk.ready(LEASE)
    factories.key(desk.actor, plug_id=desk.plug.slug)
    delete(desk)
    with pytest.raises(PlugNotFoundError):
        delete(desk)
    newest, revoked = audit.list_events(desk.actor.organisation_id).data[:2]
    assert (newest.action, newest.target_name, revoked.action) == ("plug.deleted", "Tenancy", "key.revoked")
    assert newest.changes == {"slug": "tenancy", "documents": 1, "sessions": 0}
    assert OutboxEvent.objects.filter(type="plug.deleted").count() == 1


def test_a_document_that_waits_to_be_read_ends_quietly(desk: Desk) -> None:
    document = desk.upload(LEASE)
    assert document.latest
    delete(desk)
    services.index_version(document.latest.pk)
    assert worker.run_pending() >= 1
    assert not Unit.objects.exists()
    assert not OutboxEvent.objects.filter(type="document.failed").exists()


def test_a_document_that_is_being_read_ends_quietly(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    document = desk.upload(LEASE)
    assert document.latest
    publish = services.indexing.publish_version

    def deleted_meanwhile(*arguments: Any) -> None:
        delete(desk)
        publish(*arguments)

    monkeypatch.setattr(services.indexing, "publish_version", deleted_meanwhile)
    services.index_version(document.latest.pk)
    assert not Document.objects.exists()
    assert not IndexScope.objects.exists()


def test_an_upload_that_comes_too_late_keeps_no_file(desk: Desk, storage: Path) -> None:
    delete(desk)
    with pytest.raises(PlugNotFoundError):
        desk.upload(LEASE)
    assert files(storage) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_new", [True, False])
def test_an_answer_under_way_is_not_kept_and_makes_no_noise(desk: Desk, is_new: bool) -> None:
    if not is_new:
        sessions.record_exchange(actor=desk.actor, exchange=exchange(desk.plug, "ses_1", is_new=True))
    delete(desk)
    sessions.record_exchange(actor=desk.actor, exchange=exchange(desk.plug, "ses_1", is_new=is_new))
    assert not ChatSession.objects.exists()
    assert not ChatMessage.objects.exists()


def test_dropping_files_twice_changes_nothing(desk: Desk, storage: Path) -> None:
    desk.ready(LEASE)
    name = DocumentVersion.objects.get().storage_name
    documents.drop_files([name])
    assert len(files(storage)) == 1
    DocumentVersion.objects.all().delete()
    for _ in range(2):
        documents.drop_files([name])
    assert files(storage) == []
