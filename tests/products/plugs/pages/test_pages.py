"""The pages of plugs: who may see and change what, and a document's leaf with the quoted passage lit."""

import re
from http import HTTPStatus

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import F
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from patchbay.kernel.jobs import worker
from patchbay.kernel.search import embedder
from patchbay.kernel.search.models import IndexedDocument
from patchbay.products.plugs import services
from patchbay.products.plugs.models import ChatMessage, ChatSession, Document, Plug, VersionText
from patchbay.products.plugs.queries import reading
from tests import factories

pytestmark = pytest.mark.django_db
TEXT = b"# Terms\n\n## 8 Payment\n\nInvoices are due within thirty days.\n\n| Fee | Rate |\n|---|---|\n| Late | 8 % |\n"


@pytest.fixture
def owner(client: Client) -> Membership:
    membership = factories.membership()
    client.force_login(membership.user)
    return membership


@pytest.fixture
def plug(owner: Membership) -> Plug:
    return services.create_plug(actor=owner.actor(), name="Terms", domain="legal")


@pytest.fixture
def document(owner: Membership, plug: Plug) -> Document:
    found = services.upload_document(actor=owner.actor(), plug=plug, file=ContentFile(TEXT), filename="terms.md")
    worker.run_pending()
    found.refresh_from_db()
    return found


def place(document: Document, words: str) -> tuple[int, int]:
    start = VersionText.objects.get(version=document.current).text.index(words)
    return start, start + len(words)


def test_a_plug_is_made_and_opens_at_its_knowledge(client: Client, owner: Membership) -> None:
    answer = client.post("/plugs/new", {"name": "Site Induction", "domain": "engineering", "description": ""})
    assert answer["Location"] == "/plugs/site-induction/knowledge"
    assert "No document yet" in client.get(answer["Location"]).content.decode()


def test_a_plug_without_a_name_keeps_what_was_typed(client: Client, owner: Membership) -> None:
    answer = client.post("/plugs/new", {"name": "", "domain": "legal", "description": "Terms of sale"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    page = answer.content.decode()
    assert "Terms of sale" in page
    assert 'aria-invalid="true"' in page
    assert "data-open-now" in page


def test_an_upload_is_taken_and_a_bad_one_says_why(client: Client, plug: Plug) -> None:
    address = f"/plugs/{plug.slug}/documents"
    json = {"accept": "application/json"}
    taken = client.post(address, {"file": SimpleUploadedFile("notes.md", b"# Notes\n\nAll is well.")}, headers=json)
    assert (taken.status_code, taken.json()["title"]) == (HTTPStatus.ACCEPTED, "notes")
    refused = client.post(address, {"file": SimpleUploadedFile("empty.pdf", b"")}, headers=json)
    assert (refused.status_code, refused.json()["message"]) == (HTTPStatus.UNPROCESSABLE_ENTITY, "The file is empty.")
    assert client.post(address, {}, headers=json).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_without_a_script_a_refused_upload_is_the_same_page_with_the_reason_at_the_field(
    client: Client, plug: Plug, document: Document
) -> None:
    address = f"/plugs/{plug.slug}/documents"
    refused = client.post(address, {"file": SimpleUploadedFile("empty.pdf", b"")})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    page = refused.content.decode()
    assert re.search(r'id="files_error" role="alert">.*The file is empty\.', page, re.DOTALL)
    assert 'aria-describedby="files_error"' in page
    assert "terms" in page, "the documents are still there"
    assert "Choose a file." in client.post(address).content.decode()
    assert "files_error" not in client.get(f"/plugs/{plug.slug}/knowledge").content.decode()


def test_without_a_script_all_chosen_files_are_taken(client: Client, plug: Plug) -> None:
    files = [SimpleUploadedFile(f"note-{n}.md", f"# Note {n}".encode()) for n in range(3)]
    answer = client.post(f"/plugs/{plug.slug}/documents", {"file": files})
    assert answer["Location"] == f"/plugs/{plug.slug}/knowledge"
    assert Document.objects.filter(plug=plug).count() == 3


def test_it_is_said_while_a_ready_document_has_no_vectors_yet(client: Client, plug: Plug, document: Document) -> None:
    address, htmx = f"/plugs/{plug.slug}/knowledge", {"hx-request": "true"}
    IndexedDocument.objects.filter(document_id=document.id).update(embedded=0)
    waiting = client.get(address, headers=htmx).content.decode()
    assert "by keyword now, by meaning in a moment" in waiting
    assert "every 3s" in waiting
    assert "by meaning in a moment" in client.get(f"/plugs/{plug.slug}").content.decode()
    IndexedDocument.objects.filter(document_id=document.id).update(embedded=F("units"))
    done = client.get(address, headers=htmx).content.decode()
    assert "by meaning" not in done
    assert "every" not in done


def test_without_an_embedder_no_vectors_are_promised(client: Client, plug: Plug, document: Document) -> None:
    IndexedDocument.objects.filter(document_id=document.id).update(embedded=0)
    embedder.set_provider(lambda: None)
    try:
        assert "by meaning" not in client.get(f"/plugs/{plug.slug}/knowledge").content.decode()
    finally:
        embedder.set_provider(None)


def begin(plug: Plug, user_id: str | None, title: str) -> ChatSession:
    session = ChatSession.objects.create(organisation_id=plug.organisation_id, plug=plug, user_id=user_id, title=title)
    ChatMessage.objects.create(session=session, role="user", content=title)
    return session


def test_the_chat_lists_ones_own_conversations_with_this_plug_newest_first(
    client: Client, owner: Membership, plug: Plug
) -> None:
    other_plug = services.create_plug(actor=owner.actor(), name="Other")
    colleague = factories.member(owner.organisation_id)
    for where, who, title in (
        (plug, owner.user_id, "Mine first"),
        (plug, colleague.user_id, "A colleague’s"),
        (plug, None, "A program’s"),
        (other_plug, owner.user_id, "Another plug’s"),
        (plug, owner.user_id, "Mine second"),
    ):
        begin(where, who, title)
    for address in (f"/plugs/{plug.slug}", f"/plugs/{plug.slug}/sessions"):
        page = client.get(address).content.decode()
        assert page.index("Mine second") < page.index("Mine first")
        assert not any(title in page for title in ("colleague’s", "program’s", "Another plug’s"))


def test_a_conversation_is_deleted_by_asking_first(client: Client, owner: Membership, plug: Plug) -> None:
    session = begin(plug, owner.user_id, "How long is it kept?")
    address = f"/plugs/{plug.slug}/sessions/{session.id}/delete"
    asked = client.get(address).content.decode()
    assert "How long is it kept?" in asked
    assert "1 question to Terms" in asked
    assert ChatSession.objects.filter(pk=session.pk).exists()
    assert client.post(address)["Location"] == f"/plugs/{plug.slug}/sessions"
    assert not ChatSession.objects.filter(pk=session.pk).exists()
    assert "No conversation yet" in client.get(f"/plugs/{plug.slug}/sessions").content.decode()


def test_the_table_asks_again_only_while_something_is_read(client: Client, owner: Membership, plug: Plug) -> None:
    services.upload_document(actor=owner.actor(), plug=plug, file=ContentFile(TEXT), filename="terms.md")
    address, htmx = f"/plugs/{plug.slug}/knowledge", {"hx-request": "true"}
    assert "every 1s" in client.get(address, headers=htmx).content.decode()
    worker.run_pending()
    fragment = client.get(address, headers=htmx).content.decode()
    assert "every 1s" not in fragment
    assert "Ready to answer" in fragment
    assert "<html" not in fragment


def test_the_quoted_passage_is_lit_on_its_leaf(client: Client, plug: Plug, document: Document) -> None:
    start, end = place(document, "thirty days")
    page = client.get(f"/plugs/{plug.slug}/documents/{document.id}?version=1&start={start}&end={end}").content.decode()
    assert re.findall(r'<mark class="lit">(.*?)</mark>', page) == ["thirty days"]


def test_a_lit_passage_may_run_over_cells(plug: Plug, document: Document) -> None:
    start, end = place(document, "Late\t8 %")
    leaf = reading.get_leaf(document, 1, start=start, end=end)
    [table] = [block for block in leaf.blocks if block.table]
    lit = [span.text for line in table.lines for cell in line.cells for span in cell if span.lit]
    assert lit == ["Late", "8 %"]


def test_what_a_document_says_is_never_markup(client: Client, plug: Plug, document: Document) -> None:
    VersionText.objects.filter(version=document.current).update(text="Beware of <script>alert(1)</script> here.")
    page = client.get(f"/plugs/{plug.slug}/documents/{document.id}").content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>" not in page


def test_parts_of_a_text_without_pages_hold_all_of_it() -> None:
    text = "\n\n".join(f"Paragraph {number} " + "word " * 80 for number in range(100))
    starts = reading.part_starts(text)
    assert starts[0] == 0
    assert len(starts) > 3
    assert all(text[start - 2 : start] == "\n\n" for start in starts[1:])
    assert max(after - start for start, after in zip(starts, [*starts[1:], len(text)], strict=True)) < 7_000


def test_a_document_is_deleted_by_asking_first(client: Client, plug: Plug, document: Document) -> None:
    address = f"/plugs/{plug.slug}/documents/{document.id}"
    asked = client.get(f"{address}/delete").content.decode()
    assert "Delete terms?" in asked
    assert re.search(r"<b>terms</b>, \d+ B, \d+ passages?", asked)
    assert client.get(address).status_code == HTTPStatus.OK
    client.post(f"{address}/delete")
    assert client.get(address).status_code == HTTPStatus.NOT_FOUND


def test_a_plug_is_deleted_by_asking_first_and_naming_what_goes(
    client: Client, owner: Membership, plug: Plug, document: Document
) -> None:
    ChatSession.objects.create(organisation_id=owner.organisation_id, plug=plug, title="How long?")
    factories.key(owner.actor(), name="CI bot", plug_id=plug.slug)
    address = f"/plugs/{plug.slug}/delete"
    assert f'href="{address}"' in client.get(f"/plugs/{plug.slug}/knowledge").content.decode()
    asked = client.get(address).content.decode()
    for said in ("Delete Terms?", "<b>1 document</b> and its file: terms.", "<b>1 conversation</b>", "CI bot"):
        assert said in asked
    assert client.get(f"/plugs/{plug.slug}").status_code == HTTPStatus.OK
    assert client.post(address)["Location"] == "/plugs"
    assert "Terms is deleted" in client.get("/plugs").content.decode()
    assert client.get(f"/plugs/{plug.slug}").status_code == HTTPStatus.NOT_FOUND


def test_a_plug_that_ships_has_no_way_to_be_deleted(client: Client, owner: Membership) -> None:
    services.install_first_party()
    assert "/delete" not in client.get("/plugs/legal-v1/knowledge").content.decode()
    for method in (client.get, client.post):
        assert method("/plugs/legal-v1/delete").status_code == HTTPStatus.FORBIDDEN


def test_a_viewer_sees_but_cannot_change(client: Client, owner: Membership, plug: Plug, document: Document) -> None:
    client.force_login(factories.member(owner.organisation_id, "viewer").user)
    page = client.get(f"/plugs/{plug.slug}/knowledge").content.decode()
    assert "terms" in page
    assert "data-upload" not in page
    address = f"/plugs/{plug.slug}/documents/{document.id}"
    assert client.post(f"{address}/delete").status_code == HTTPStatus.FORBIDDEN
    assert client.post(f"{address}/reindex").status_code == HTTPStatus.FORBIDDEN
    assert "Delete plug" not in page
    for method in (client.get, client.post):
        assert method(f"/plugs/{plug.slug}/delete").status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/knowledge",
        "/documents/{document}",
        "/documents/{document}/delete",
        "/delete",
        "?session=ses_1",
        "/sessions",
    ],
)
def test_a_stranger_finds_nothing(client: Client, plug: Plug, document: Document, path: str) -> None:
    client.force_login(factories.membership().user)
    answer = client.get(f"/plugs/{plug.slug}" + path.format(document=document.id))
    assert answer.status_code == HTTPStatus.NOT_FOUND
