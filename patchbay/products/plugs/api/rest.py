"""`/v1/plugs`: plugs and the documents they know. `{plug}` is an id or a slug."""

from typing import Annotated, Any, Literal, cast

from django.http import HttpRequest, HttpResponse
from ninja import File, Path, Query, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field

from patchbay.kernel.keys.contracts import Grant
from patchbay.lib.actor import Actor
from patchbay.lib.errors import FieldError, ForbiddenError, InvalidError
from patchbay.lib.paging import Page
from patchbay.lib.rest import PageOut, PagingQuery, Timestamp
from patchbay.products.plugs import queries, services
from patchbay.products.plugs.models import Document, Plug

router = Router(tags=["plugs"])

Domain = Literal["legal", "healthcare", "engineering", "general"]
_LARGEST = 2**31 - 1
VersionNumber = Annotated[int, Path(ge=1, le=_LARGEST)]


class PlugIn(Schema):
    name: str = Field(max_length=120)
    slug: str | None = Field(None, max_length=60, description="a-z, 0-9 and hyphens; made from the name when left out")
    domain: Domain = "general"
    description: str = Field("", max_length=2_000)


class PlugOut(Schema):
    id: str
    slug: str
    name: str
    domain: Domain
    description: str
    version: int = Field(description="The published version, which answers")
    own: bool = Field(description="Whether it is the organisation's own; others come with knowledge of their own")
    created_at: Timestamp


class DocumentOut(Schema):
    """A document; what is said of it is said of its newest version, the one before answers until that is ready."""

    id: str
    title: str
    version: int
    status: Literal["processing", "ready", "error"]
    error: str | None = Field(description="Why it cannot answer, when `status` is `error`")
    note: str | None = Field(description="What its owner should know although it is ready, such as scanned pages")
    pages: int | None = Field(description="Null for formats without pages")
    chunks: int | None
    answering_version: int | None = Field(description="The version that answers now; null while none does")
    semantic: bool = Field(description="Whether it is found by meaning too; words find it as soon as it is ready")
    filename: str
    media_type: str
    size: int = Field(description="Bytes")
    created_at: Timestamp


class TextSpan(Schema):
    start: int = Field(0, ge=0, le=_LARGEST, description="First Unicode code point")
    end: int | None = Field(
        None, ge=0, le=_LARGEST, description="Code point after the last; the end of the text when left out"
    )


@router.post("", response={201: PlugOut}, summary="Create a plug", operation_id="create_plug")
def create_plug(request: HttpRequest, body: PlugIn) -> Any:
    """A private plug of the organisation; upload documents to it, then ask."""
    if _grant(request).plug_id:
        raise _out_of_scope()
    plug = services.create_plug(actor=_actor(request), **body.dict())
    return Status(201, _plug_out(plug, plug.organisation_id))


@router.get("", response=PageOut[PlugOut], summary="List plugs", operation_id="list_plugs")
def list_plugs(request: HttpRequest, paging: PagingQuery) -> Any:
    """The organisation's own plugs and those that everyone has, newest first."""
    grant = _grant(request)
    page = queries.page_plugs(grant.organisation_id, plug_id=grant.plug_id, limit=paging.limit, cursor=paging.cursor)
    return Page([_plug_out(plug, grant.organisation_id) for plug in page.data], page.next_cursor)


@router.get("/{plug}", response=PlugOut, summary="Get a plug", operation_id="get_plug")
def get_plug(request: HttpRequest, plug: str) -> Any:
    return _plug_out(_plug(request, plug), _grant(request).organisation_id)


@router.delete("/{plug}", response={204: None}, summary="Delete a plug", operation_id="delete_plug")
def delete_plug(request: HttpRequest, plug: str) -> Any:
    """A private plug goes with its documents and conversations; keys for it alone are revoked. It cannot be undone.

    Usage records, credits and the audit log stay. Needs a key of the whole organisation.
    """
    services.delete_plug(actor=_actor(request), plug_id=_plug(request, plug).id)
    return Status(204, None)


@router.post(
    "/{plug}/documents", response={202: DocumentOut}, summary="Upload a document", operation_id="upload_document"
)
def upload_document(request: HttpRequest, plug: str, file: File[UploadedFile]) -> Any:
    """PDF, DOCX, HTML, Markdown or text of at most 50 MB; it is read in the background, so ask for its status.

    A file of the same name with other content becomes the document's next version; the same content changes nothing.
    """
    if len(request.FILES.getlist("file")) > 1:
        raise InvalidError(
            "One file at a time.", fields=(FieldError("file", "Send each file in a request of its own."),)
        )
    found = _plug(request, plug)
    document = services.upload_document(actor=_actor(request), plug=found, file=file, filename=file.name or "")
    return Status(202, _document_out(request, found, document))


@router.get("/{plug}/documents", response=PageOut[DocumentOut], summary="List documents", operation_id="list_documents")
def list_documents(request: HttpRequest, plug: str, paging: PagingQuery) -> Any:
    found, organisation_id = _plug(request, plug), _grant(request).organisation_id
    page = queries.page_documents(organisation_id, found, limit=paging.limit, cursor=paging.cursor)
    keyword_only = queries.list_keyword_only(organisation_id, found)
    return Page([_describe(document, keyword_only) for document in page.data], page.next_cursor)


@router.get(
    "/{plug}/documents/{document_id}", response=DocumentOut, summary="Get a document", operation_id="get_document"
)
def get_document(request: HttpRequest, plug: str, document_id: str) -> Any:
    found = _plug(request, plug)
    return _document_out(request, found, queries.get_document(_grant(request).organisation_id, found, document_id))


@router.delete(
    "/{plug}/documents/{document_id}",
    response={204: None},
    summary="Delete a document",
    operation_id="delete_document",
)
def delete_document(request: HttpRequest, plug: str, document_id: str) -> Any:
    """Its files, texts and chunks go at once; answers given before keep their quotes."""
    services.delete_document(actor=_actor(request), plug=_plug(request, plug), document_id=document_id)
    return Status(204, None)


@router.post(
    "/{plug}/documents/{document_id}/reindex",
    response={202: DocumentOut},
    summary="Read a document again",
    operation_id="reindex_document",
)
def reindex_document(request: HttpRequest, plug: str, document_id: str) -> Any:
    """Reads the newest version's file again; the document answers as before until that is done."""
    found = _plug(request, plug)
    document = services.reindex_document(actor=_actor(request), plug=found, document_id=document_id)
    return Status(202, _document_out(request, found, document))


@router.get(
    "/{plug}/documents/{document_id}/versions/{number}/text",
    response={200: str},
    summary="Read the stored text",
    operation_id="get_document_text",
)
def get_document_text(
    request: HttpRequest, plug: str, document_id: str, number: VersionNumber, span: Query[TextSpan]
) -> HttpResponse:
    """The text that citations quote: `text[start:end]` is the quote. With `start` and `end`, only that piece."""
    text = queries.get_text(_document(request, plug, document_id), number, span.start, span.end)
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def _plug(request: HttpRequest, id_or_slug: str) -> Plug:
    """Return the plug if the organisation has it (404) and the key may reach it (403)."""
    grant = _grant(request)
    plug = queries.get_plug(grant.organisation_id, id_or_slug)
    if grant.plug_id and grant.plug_id != plug.id:
        raise _out_of_scope()
    return plug


def _document(request: HttpRequest, plug: str, document_id: str) -> Document:
    return queries.get_document(_grant(request).organisation_id, _plug(request, plug), document_id)


def _out_of_scope() -> ForbiddenError:
    return ForbiddenError(
        "This key is for one plug and reaches no other.", next_step="Use a key of the whole organisation."
    )


def _plug_out(plug: Plug, organisation_id: str) -> dict[str, Any]:
    return {
        "id": plug.id,
        "slug": plug.slug,
        "name": plug.name,
        "domain": plug.domain,
        "description": plug.description,
        "version": plug.published_number,
        "own": plug.organisation_id == organisation_id,
        "created_at": plug.created_at,
    }


def _document_out(request: HttpRequest, plug: Plug, document: Document) -> dict[str, Any]:
    return _describe(document, queries.list_keyword_only(_grant(request).organisation_id, plug))


def _describe(document: Document, keyword_only: frozenset[str]) -> dict[str, Any]:
    version = document.latest
    assert version is not None  # a document is created with its first version
    return {
        "id": document.id,
        "title": document.title,
        "version": version.number,
        "status": version.status,
        "error": version.error or None,
        "note": version.note or None,
        "pages": version.pages,
        "chunks": version.chunks,
        "answering_version": document.current.number if document.current else None,
        "semantic": document.current is not None and document.id not in keyword_only,
        "filename": version.filename,
        "media_type": version.media_type,
        "size": version.size,
        "created_at": document.created_at,
    }


def _grant(request: HttpRequest) -> Grant:
    return cast(Grant, request.auth)  # type: ignore[attr-defined]


def _actor(request: HttpRequest) -> Actor:
    return _grant(request).actor(request.META.get("REMOTE_ADDR"))
