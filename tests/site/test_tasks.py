"""Vectors give way: what a person waits for is done first."""

import pytest
from django.core.files.base import ContentFile
from django_tasks_db.models import DBTaskResult

from patchbay.kernel.search.contracts import Scope
from patchbay.products.plugs import services as plugs
from patchbay.site.tasks import enqueue_embedding
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
