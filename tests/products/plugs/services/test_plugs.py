"""Plugs are made, named, and kept apart; those that ship are there for everyone."""

from pathlib import Path

import pytest

from patchbay.lib.actor import Actor
from patchbay.lib.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from patchbay.products.plugs import queries, services
from patchbay.products.plugs.contracts import FIRST_PARTY_SLUGS
from patchbay.products.plugs.engine.answering.retrieve import retrieve
from patchbay.products.plugs.engine.contracts import Question
from patchbay.products.plugs.models import Document, DocumentVersion, Plug, PlugVersion, Unit
from patchbay.products.plugs.services import first_party
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_slug_is_made_from_the_name_and_never_twice(actor: Actor) -> None:
    slugs = [services.create_plug(actor=actor, name="  Ünion & Söhne  ").slug for _ in range(2)]
    assert slugs == ["union-sohne", "union-sohne-2"]
    assert services.create_plug(actor=actor, name="合同").slug == "plug"
    assert services.create_plug(actor=actor, name="Legal V1").slug == "legal-v1-2"


def test_a_taken_or_reserved_slug_is_a_conflict(actor: Actor) -> None:
    services.create_plug(actor=actor, name="A", slug="a")
    for slug in ("a", *FIRST_PARTY_SLUGS):
        with pytest.raises(ConflictError):
            services.create_plug(actor=actor, name="A", slug=slug)
    assert services.create_plug(actor=factories.owner(), name="A", slug="a").slug == "a"


def test_bad_input_names_every_field(actor: Actor) -> None:
    with pytest.raises(InvalidError) as caught:
        services.create_plug(actor=actor, name=" ", slug="No!", domain="magic", description="x" * 2001)
    assert [fault.field for fault in caught.value.fields] == ["name", "slug", "domain", "description"]


def test_viewers_make_no_plugs(actor: Actor) -> None:
    with pytest.raises(ForbiddenError):
        services.create_plug(actor=factories.member(actor.organisation_id, "viewer").actor(), name="A")


def test_another_organisations_plug_is_not_there(actor: Actor, plug: Plug) -> None:
    stranger = factories.owner()
    for name in (plug.id, plug.slug):
        assert queries.get_plug(actor.organisation_id, name) == plug
        with pytest.raises(NotFoundError):
            queries.get_plug(stranger.organisation_id, name)
    assert queries.find_plug(actor.organisation_id, "\0") is None


@pytest.fixture
def knowledge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for slug in FIRST_PARTY_SLUGS:
        (tmp_path / slug).mkdir()
        (tmp_path / slug / "01-guide.md").write_text(f"# Guide of {slug}\n\n## 1 Dose\n\nTake {slug} once daily.\n")
    monkeypatch.setattr(first_party, "KNOWLEDGE", tmp_path)
    return tmp_path


def ask(organisation_id: str, slug: str, query: str) -> list[str]:
    plug = queries.get_plug(organisation_id, slug)
    found = retrieve(Question(organisation_id, plug.id, plug.organisation_id, "", query))
    return [passage.text for passage in found.evidence.passages]


def test_shipped_plugs_answer_everyone_at_once(actor: Actor, knowledge: Path) -> None:
    services.install_first_party()
    assert [plug.slug for plug in queries.list_plugs(actor.organisation_id)] == list(FIRST_PARTY_SLUGS)
    assert ask(actor.organisation_id, "healthcare-v1", "dose daily") == ["Take healthcare-v1 once daily."]
    plug = queries.get_plug(actor.organisation_id, "healthcare-v1")
    assert queries.get_published(plug).persona


def test_installing_again_changes_nothing(knowledge: Path) -> None:
    services.install_first_party()
    before = list(Unit.objects.values()), list(PlugVersion.objects.values()), list(DocumentVersion.objects.values())
    services.install_first_party()
    assert (
        list(Unit.objects.values()), list(PlugVersion.objects.values()), list(DocumentVersion.objects.values()),
    ) == before  # fmt: skip


def test_an_upgrade_brings_changed_new_and_retired_documents(actor: Actor, knowledge: Path) -> None:
    services.install_first_party()
    guide = knowledge / "legal-v1" / "01-guide.md"
    guide.write_text(guide.read_text().replace("once", "twice"))
    (knowledge / "legal-v1" / "02-new.md").write_text("# New\n\nNotice is thirty days.\n")
    (knowledge / "engineering-v1" / "01-guide.md").unlink()
    services.install_first_party()
    assert ask(actor.organisation_id, "legal-v1", "daily") == ["Take legal-v1 twice daily."]
    assert ask(actor.organisation_id, "legal-v1", "notice days") == ["Notice is thirty days."]
    assert ask(actor.organisation_id, "engineering-v1", "daily") == []
    old = Document.objects.get(title="Guide of legal-v1")
    assert "once daily" in queries.get_text(old, 1)


def test_the_real_knowledge_is_substantial() -> None:
    services.install_first_party()
    for slug in FIRST_PARTY_SLUGS:
        documents = Document.objects.filter(plug__slug=slug).select_related("current")
        assert documents.count() >= 3
        assert all(document.current and (document.current.chunks or 0) > 60 for document in documents)


def test_shipped_knowledge_is_not_for_customers_to_change(actor: Actor, knowledge: Path) -> None:
    services.install_first_party()
    plug = queries.get_plug(actor.organisation_id, "legal-v1")
    with pytest.raises(ForbiddenError):
        services.delete_document(actor=actor, plug=plug, document_id=Document.objects.filter(plug=plug)[0].id)
