"""`/v1/plugs`: what a key may see and change of plugs and documents."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from patchbay.lib.actor import Actor
from patchbay.products.plugs import services
from patchbay.products.plugs.api.rest import router
from patchbay.products.plugs.models import Document
from tests import factories
from tests.kernel.rest import Rest
from tests.products.plugs.files import pdf_of

pytestmark = pytest.mark.django_db

TEXT = "# Lease\n\n## 2 Rent\n\nThe rent for Kündigung 🙂 is due monthly.\n"


@pytest.fixture(scope="module")
def rest() -> Rest:
    return Rest(router, "plugs-test")


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Any) -> None:
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = settings.STORAGES | {"default": default}


@pytest.fixture
def actor() -> Actor:
    return factories.owner(plan="pro")


@pytest.fixture
def key(actor: Actor) -> str:
    return factories.key(actor).secret


@pytest.fixture
def slug(rest: Rest, key: str) -> str:
    status, made = rest.call("POST", "/", key=key, body={"name": "Tenancy", "domain": "legal"})
    assert status == 201
    return str(made["slug"])


def upload(rest: Rest, slug: str, key: str, data: bytes = TEXT.encode(), name: str = "lease.md") -> tuple[int, Any]:
    return rest.upload(f"/{slug}/documents", SimpleUploadedFile(name, data), key=key)


def test_two_files_in_one_upload_are_refused_for_one_would_be_lost(rest: Rest, slug: str, key: str) -> None:
    both = [SimpleUploadedFile(name, TEXT.encode()) for name in ("lease.md", "terms.md")]
    status, problem = rest.upload(f"/{slug}/documents", *both, key=key)
    assert (status, problem["errors"][0]["field"]) == (422, "file")
    assert not Document.objects.exists()


def ready(rest: Rest, slug: str, key: str, **more: Any) -> dict[str, Any]:
    _, made = upload(rest, slug, key, **more)
    latest = Document.objects.get(pk=made["id"]).latest
    assert latest
    services.index_version(latest.pk)
    status, shown = rest.call("GET", f"/{slug}/documents/{made['id']}", key=key)
    assert status == 200
    return dict(shown)


def test_a_plug_is_made_listed_and_found_by_id_and_slug(rest: Rest, key: str, slug: str) -> None:
    status, listed = rest.call("GET", "/?limit=1", key=key)
    assert status == 200
    made = listed["data"][0]
    assert (made["slug"], made["domain"], made["own"], made["version"]) == ("tenancy", "legal", True, 1)
    assert listed["next_cursor"] is None
    for name in (slug, made["id"]):
        assert rest.call("GET", f"/{name}", key=key) == (200, made)


def test_an_upload_is_accepted_and_becomes_ready(rest: Rest, key: str, slug: str) -> None:
    status, made = upload(rest, slug, key)
    assert status == 202
    assert (made["title"], made["version"], made["status"], made["error"]) == ("lease", 1, "processing", None)
    assert made["id"].startswith("doc_")
    shown = ready(rest, slug, key)
    assert (shown["id"], shown["status"], shown["pages"], shown["chunks"]) == (made["id"], "ready", None, 1)
    assert shown["answering_version"] == 1
    status, listed = rest.call("GET", f"/{slug}/documents", key=key)
    assert listed == {"data": [shown], "next_cursor": None}


def test_pages_are_counted_and_errors_are_said(rest: Rest, key: str, slug: str) -> None:
    assert ready(rest, slug, key, data=pdf_of(["one", "two"]), name="a.pdf")["pages"] == 2
    failed = ready(rest, slug, key, data=pdf_of(["one"])[:200], name="cut.pdf")
    assert failed["status"] == "error"
    assert failed["error"].startswith("The PDF")


def test_the_stored_text_is_plain_text_and_cut_by_code_points(rest: Rest, key: str, slug: str) -> None:
    path = f"/{slug}/documents/{ready(rest, slug, key)['id']}/versions/1/text"
    status, text = rest.text(path, key=key)
    assert status == 200
    start = text.index("Kündigung")
    assert rest.text(f"{path}?start={start}&end={start + 11}", key=key) == (200, "Kündigung 🙂")
    assert rest.text(f"{path}?start={start + 10}", key=key)[1] == text[start + 10 :]
    assert rest.text(f"{path}?start=5&end=2", key=key) == (200, "")
    assert rest.call("GET", path.replace("versions/1", "versions/2"), key=key)[0] == 404


def test_reading_again_and_deleting(rest: Rest, key: str, slug: str) -> None:
    path = f"/{slug}/documents/{ready(rest, slug, key)['id']}"
    status, again = rest.call("POST", f"{path}/reindex", key=key)
    assert (status, again["status"], again["answering_version"]) == (202, "processing", 1)
    assert rest.call("DELETE", path, key=key)[0] == 204
    assert rest.call("GET", path, key=key)[0] == 404
    assert rest.call("DELETE", path, key=key)[0] == 404


@pytest.mark.parametrize(
    ("data", "name", "status"), [(b"", "a.md", 422), (b"GIF89a..", "a.pdf", 415), (b"x\0y" * 99, "a.txt", 415)]
)
def test_what_is_no_document_is_a_problem_that_names_the_field(
    rest: Rest, key: str, slug: str, data: bytes, name: str, status: int
) -> None:
    found, body = upload(rest, slug, key, data, name)
    assert found == status
    assert body["errors"][0]["field"] == "file"
    assert rest.call("GET", f"/{slug}/documents", key=key)[1]["data"] == []


def test_a_stranger_sees_nothing(rest: Rest, key: str, slug: str) -> None:
    document = ready(rest, slug, key)
    plug = rest.call("GET", f"/{slug}", key=key)[1]["id"]
    stranger = factories.key(factories.owner(plan="pro")).secret
    own = rest.call("POST", "/", key=stranger, body={"name": "Mine"})[1]["slug"]
    for path in (f"/{plug}", f"/{plug}/documents", f"/{plug}/documents/{document['id']}"):
        assert rest.call("GET", path, key=stranger)[0] == 404
    assert rest.call("DELETE", f"/{own}/documents/{document['id']}", key=stranger)[0] == 404
    assert rest.call("POST", f"/{own}/documents/{document['id']}/reindex", key=stranger)[0] == 404
    assert rest.text(f"/{own}/documents/{document['id']}/versions/1/text", key=stranger)[0] == 404
    assert upload(rest, plug, stranger)[0] == 404


def test_a_read_only_key_reads_and_changes_nothing(rest: Rest, key: str, slug: str, actor: Actor) -> None:
    document = ready(rest, slug, key)
    reading = factories.key(actor, permission="read_only").secret
    assert rest.call("GET", f"/{slug}/documents/{document['id']}", key=reading)[0] == 200
    assert rest.call("POST", "/", key=reading, body={"name": "No"})[0] == 403
    assert upload(rest, slug, reading)[0] == 403
    assert rest.call("DELETE", f"/{slug}/documents/{document['id']}", key=reading)[0] == 403
    assert rest.call("POST", f"/{slug}/documents/{document['id']}/reindex", key=reading)[0] == 403


def test_a_plug_is_deleted_with_what_it_knows(rest: Rest, key: str, slug: str) -> None:
    document = ready(rest, slug, key)
    assert rest.call("DELETE", f"/{slug}", key=key)[0] == 204
    for path in (f"/{slug}", f"/{slug}/documents", f"/{slug}/documents/{document['id']}"):
        assert rest.call("GET", path, key=key)[0] == 404
    assert rest.call("GET", "/", key=key)[1]["data"] == []
    assert rest.call("DELETE", f"/{slug}", key=key)[0] == 404


def test_only_who_may_change_a_plug_deletes_it(rest: Rest, key: str, slug: str, actor: Actor) -> None:
    plug = rest.call("GET", f"/{slug}", key=key)[1]["id"]
    reading = factories.key(actor, permission="read_only").secret
    scoped = factories.key(actor, plug_id=slug).secret
    other = rest.call("POST", "/", key=key, body={"name": "Other"})[1]["slug"]
    stranger = factories.key(factories.owner(plan="pro")).secret
    assert rest.call("DELETE", f"/{plug}", key=reading)[0] == 403
    assert rest.call("DELETE", f"/{plug}", key=scoped)[0] == 403
    assert rest.call("DELETE", f"/{other}", key=scoped)[0] == 403
    assert rest.call("DELETE", f"/{plug}", key=stranger)[0] == 404
    assert rest.call("GET", f"/{plug}", key=scoped)[0] == 200


def test_a_key_for_one_plug_reaches_no_other(rest: Rest, key: str, slug: str, actor: Actor) -> None:
    other = rest.call("POST", "/", key=key, body={"name": "Other"})[1]["slug"]
    scoped = factories.key(actor, plug_id=slug).secret
    assert [plug["slug"] for plug in rest.call("GET", "/", key=scoped)[1]["data"]] == [slug]
    assert upload(rest, slug, scoped)[0] == 202
    assert rest.call("GET", f"/{other}", key=scoped)[0] == 403
    assert upload(rest, other, scoped)[0] == 403
    assert rest.call("POST", "/", key=scoped, body={"name": "More"})[0] == 403
