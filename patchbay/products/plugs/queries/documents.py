"""Documents of a plug as one organisation sees them, and their text."""

from functools import lru_cache

from django.db.models import QuerySet
from django.db.models.functions import Length, Substr

from patchbay.lib.paging import DEFAULT_LIMIT, Page, page_of
from patchbay.products.plugs.errors import DocumentNotFoundError
from patchbay.products.plugs.models import Document, DocumentVersion, Plug, VersionText


def get_document(organisation_id: str, plug: Plug, document_id: str) -> Document:
    """Return a document with its newest and its answering version; DocumentNotFoundError unless it is there to see."""
    document = None
    if "\0" not in document_id:  # PostgreSQL takes no such text, not even to compare
        document = list_documents(organisation_id, plug).filter(id=document_id).first()
    if document is None:
        raise DocumentNotFoundError(f"The plug {plug.slug} has no document {document_id[:60]!r}.")
    return document


def list_documents(organisation_id: str, plug: Plug) -> QuerySet[Document]:
    """Return the plug's documents that the organisation may read: the plug's own and the organisation's."""
    owners = {organisation_id, plug.organisation_id}
    rows = Document.objects.filter(plug=plug, organisation_id__in=owners, deleted_at__isnull=True)
    return rows.select_related("latest", "current").order_by("id")


def page_documents(
    organisation_id: str, plug: Plug, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[Document]:
    """Return a page of them, newest first."""
    return page_of(list_documents(organisation_id, plug), limit=limit, cursor=cursor)


def list_failed_documents(organisation_id: str) -> QuerySet[Document]:
    """Return the organisation's documents whose newest version could not be read, with their plugs."""
    rows = Document.objects.filter(organisation_id=organisation_id, deleted_at__isnull=True)
    return rows.filter(latest__status=DocumentVersion.Status.ERROR).select_related("latest", "plug").order_by("id")


def get_version(document: Document, number: int) -> DocumentVersion:
    """Return a version of a document; DocumentNotFoundError when it has no such version."""
    version = document.versions.filter(number=number).first()
    if version is None:
        raise DocumentNotFoundError(f"{document.title} has no version {number}.")
    return version


def get_text(document: Document, number: int, start: int = 0, end: int | None = None) -> str:
    """Return the stored text of a version, or its slice from `start` to `end` (code points, as in Python)."""
    rows = VersionText.objects.filter(version__document=document, version__number=number)
    length = Length("text") if end is None else max(0, end - start)
    text = rows.annotate(piece=Substr("text", max(0, start) + 1, length)).values_list("piece", flat=True).first()
    if text is None:
        version = get_version(document, number)
        raise DocumentNotFoundError(
            f"Version {number} of {document.title} has no text: its status is {version.status}.",
            next_step="Wait until the document is ready, or see its error.",
        )
    return str(text)


@lru_cache(maxsize=8)
def get_stored_text(version_id: int) -> tuple[str, tuple[int, ...]]:
    """Return (text, page starts) of a ready version, which never change; from memory when it was read lately.

    VersionText.DoesNotExist when the version has none.
    """
    body = VersionText.objects.get(version_id=version_id)
    return body.text, tuple(body.page_starts)
