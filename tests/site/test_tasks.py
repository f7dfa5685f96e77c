"""Work that joins rooms of the kernel: vectors give way, and the audit log is kept as long as the plan says."""

from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from patchbay.kernel.audit import queries as audit
from patchbay.kernel.audit import services as audit_services
from patchbay.kernel.search.contracts import Scope
from patchbay.products.plugs import services as plugs
from patchbay.site.tasks import enqueue_embedding, prune_audit
from tests import factories


@pytest.mark.django_db
def test_an_upload_is_read_before_the_vectors_that_were_asked_for_earlier() -> None:
    owner = factories.owner()
    for number in range(3):
        enqueue_embedding(Scope(owner.organisation_id, "plug_1"), f"doc_{number}")
    plug = plugs.create_plug(actor=owner, name="Handbook")
    plugs.upload_document(actor=owner, plug=plug, file=ContentFile(b"# Gate\n\nIt closes at six."), filename="gate.md")
    waiting = [job.args_kwargs["args"][0] for job in DBTaskResult.objects.ready()]
    assert waiting[0] == "plugs.index_document"
    assert waiting.count("site.embed_document") == 3


@pytest.mark.django_db
def test_the_first_vectors_of_a_document_come_before_the_rest_of_another() -> None:
    owner = factories.owner()
    enqueue_embedding(Scope(owner.organisation_id, "plug_1"), "doc_long", begun=True)
    enqueue_embedding(Scope(owner.organisation_id, "plug_1"), "doc_new")
    waiting = [job.args_kwargs["args"][1]["document_id"] for job in DBTaskResult.objects.ready()]
    assert waiting == ["doc_new", "doc_long"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "keeping"),
    [
        (29, {"free", "starter", "pro", "enterprise"}),
        (31, {"starter", "pro", "enterprise"}),
        (91, {"pro", "enterprise"}),
        (366, {"enterprise"}),
        (4_000, {"enterprise"}),
    ],
)
def test_audit_events_are_kept_as_long_as_the_plan_says(days: int, keeping: set[str]) -> None:
    ids = {plan: factories.owner(plan=plan).organisation_id for plan in ("free", "starter", "pro", "enterprise")}
    with patch.object(timezone, "now", return_value=timezone.now() + timedelta(days=days)):
        prune_audit()
    assert {plan for plan, id in ids.items() if audit.list_events(id).data} == keeping
    assert all(audit.verify_chain(id).sound for id in ids.values())


@pytest.mark.django_db
def test_a_log_that_cannot_be_pruned_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = sorted(factories.owner().organisation_id for _ in range(2))
    prune = audit_services.prune

    def fail_for_one(organisation_id: str, *, before: datetime) -> int:
        if organisation_id == broken:
            raise RuntimeError
        return prune(organisation_id, before=before)

    monkeypatch.setattr(audit_services, "prune", fail_for_one)
    later = timezone.now() + timedelta(days=40)
    with patch.object(timezone, "now", return_value=later), pytest.raises(RuntimeError, match="1 audit log"):
        prune_audit()
    assert audit.list_events(broken).data
    assert not audit.list_events(sound).data
