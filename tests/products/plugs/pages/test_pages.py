"""The pages of plugs: who may see and change what, and a document's leaf with the quoted passage lit."""

import re
from http import HTTPStatus

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from patchbay.kernel.jobs import worker
from patchbay.products.plugs import services
from patchbay.products.plugs.models import Document, Plug, VersionText
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
    assert "Delete terms?" in client.get(f"{address}/delete").content.decode()
    assert client.get(address).status_code == HTTPStatus.OK
    client.post(f"{address}/delete")
    assert client.get(address).status_code == HTTPStatus.NOT_FOUND


def test_a_viewer_sees_but_cannot_change(client: Client, owner: Membership, plug: Plug, document: Document) -> None:
    client.force_login(factories.member(owner.organisation_id, "viewer").user)
    page = client.get(f"/plugs/{plug.slug}/knowledge").content.decode()
    assert "terms" in page
    assert "data-upload" not in page
    address = f"/plugs/{plug.slug}/documents/{document.id}"
    assert client.post(f"{address}/delete").status_code == HTTPStatus.FORBIDDEN
    assert client.post(f"{address}/reindex").status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "path", ["", "/knowledge", "/documents/{document}", "/documents/{document}/delete", "?session=ses_1"]
)
def test_a_stranger_finds_nothing(client: Client, plug: Plug, document: Document, path: str) -> None:
    client.force_login(factories.membership().user)
    answer = client.get(f"/plugs/{plug.slug}" + path.format(document=document.id))
    assert answer.status_code == HTTPStatus.NOT_FOUND
