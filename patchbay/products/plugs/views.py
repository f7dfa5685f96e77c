"""The pages of plugs: the list, what a plug knows, asking it, and a document with the quoted passage lit."""

from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.core.files import File
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.middleware import HtmxDetails

from patchbay.kernel.keys import queries as keys
from patchbay.kernel.search.embedder import has_embedder
from patchbay.lib.errors import AppError, FieldError, InvalidError
from patchbay.lib.pages import PageRequest, add_faults, signed_in
from patchbay.lib.paging import Page
from patchbay.products.plugs import queries
from patchbay.products.plugs.contracts import MAX_UPLOAD_BYTES
from patchbay.products.plugs.forms import PlugForm
from patchbay.products.plugs.models import ChatSession, DocumentVersion, Plug
from patchbay.products.plugs.queries import reading, sessions
from patchbay.products.plugs.services import documents, plugs
from patchbay.products.plugs.services import sessions as session_services

RECENT_SESSIONS = 10
# One press of an example shows what an answer is. Plugs of one's own have none: only their makers know what to ask.
EXAMPLES = {
    "legal-v1": ("What is the interest rate on late payment?", "When must a data breach be reported?"),
    "healthcare-v1": ("How soon must antibiotics be given in sepsis?", "When is apixaban reduced?"),
    "engineering-v1": ("What is the deflection limit for floor beams?", "How long is a pipe pressure test held?"),
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A plug in the list: is it the organisation's own, and how many of its documents are ready, in work, failed."""

    plug: Plug
    own: bool
    ready: int
    processing: int
    failed: int


@require_GET
@signed_in
def list_plugs(request: PageRequest) -> HttpResponse:
    return _list(request, PlugForm())


@require_POST
@signed_in
def create_plug(request: PageRequest) -> HttpResponse:
    form = PlugForm(request.POST)
    if form.is_valid():
        try:
            plug = plugs.create_plug(actor=request.actor, **form.cleaned_data)
        except AppError as error:
            add_faults(form, error)
            return _list(request, form, status=error.status)
        messages.success(request, f"{plug.name} is made. Give it its first document.")
        return redirect("plugs:knowledge", plug.slug)
    return _list(request, form, status=422)


@require_http_methods(["GET", "POST"])
@signed_in
def delete_plug(request: PageRequest, slug: str) -> HttpResponse:
    """GET asks, POST does."""
    organisation_id = request.actor.organisation_id
    plug = queries.get_plug(organisation_id, slug)
    plugs.require_may_change(request.actor, plug)
    if request.method == "GET":
        context = {
            "plug": plug,
            "documents": queries.list_documents(organisation_id, plug),
            "keys": keys.list_plug_keys(organisation_id, plug.id),
            "sessions": plug.sessions.count(),
        }
        return render(request, "plugs/delete_plug.html", context)
    plugs.delete_plug(actor=request.actor, plug_id=plug.id)
    messages.success(request, f"{plug.name} is deleted with all it knew. Keys that were for it alone are revoked.")
    return redirect("plugs:list")


def _list(request: PageRequest, form: PlugForm, *, status: int = 200) -> HttpResponse:
    organisation_id = request.actor.organisation_id
    units = [_unit(organisation_id, plug) for plug in queries.list_plugs(organisation_id)]
    context = {
        "units": units,
        "own": sum(unit.own for unit in units),
        "form": form,
        "may_create": request.actor.role != "viewer",
    }
    return render(request, "plugs/list.html", context, status=status)


def _unit(organisation_id: str, plug: Plug) -> Unit:
    found = [document.latest.status for document in queries.list_documents(organisation_id, plug) if document.latest]
    return Unit(
        plug,
        own=plug.organisation_id == organisation_id,
        ready=found.count(DocumentVersion.Status.READY),
        processing=found.count(DocumentVersion.Status.PROCESSING),
        failed=found.count(DocumentVersion.Status.ERROR),
    )


@require_GET
@signed_in
def chat(request: PageRequest, slug: str) -> HttpResponse:
    """Ask the plug; `?session=` goes on with a conversation."""
    organisation_id = request.actor.organisation_id
    plug = queries.get_plug(organisation_id, slug)
    session_id = request.GET.get("session")
    session = sessions.get_session(organisation_id, session_id, plug_id=plug.id) if session_id else None
    ready = [document for document in queries.list_documents(organisation_id, plug) if document.current]
    context = {
        **_head(request, plug),
        "tab": "chat",
        "session": session,
        "turns": [
            {"role": turn.role, "content": turn.content, "answer": turn.answer}
            for turn in (sessions.list_messages(session) if session else ())
        ],
        "examples": EXAMPLES.get(plug.slug, ()),
        "recent": _own_sessions(request, plug, limit=RECENT_SESSIONS).data,
        "ready": ready,
    }
    return render(request, "plugs/chat.html", context)


@require_GET
@signed_in
def conversations(request: PageRequest, slug: str) -> HttpResponse:
    """The visitor's own conversations with the plug, newest first."""
    plug = queries.get_plug(request.actor.organisation_id, slug)
    page = _own_sessions(request, plug, cursor=request.GET.get("cursor") or None)
    return render(request, "plugs/conversations.html", {"plug": plug, "page": page})


@require_http_methods(["GET", "POST"])
@signed_in
def delete_session(request: PageRequest, slug: str, session_id: str) -> HttpResponse:
    """GET asks, POST does."""
    plug = queries.get_plug(request.actor.organisation_id, slug)
    session = sessions.get_session(request.actor.organisation_id, session_id, plug_id=plug.id)
    if request.method == "GET":
        questions = sum(turn.role == "user" for turn in sessions.list_messages(session))
        context = {"plug": plug, "session": session, "questions": questions}
        return render(request, "plugs/delete_session.html", context)
    session_services.delete_session(actor=request.actor, session_id=session_id, plug_id=plug.id)
    messages.success(request, f"The conversation “{session.title}” is deleted. Its cost stays in the ledger.")
    return redirect("plugs:conversations", plug.slug)


def _own_sessions(request: PageRequest, plug: Plug, **paging: Any) -> Page[ChatSession]:
    return sessions.list_sessions(
        request.actor.organisation_id, plug_id=plug.id, user_id=request.actor.user_id, **paging
    )


@require_GET
@signed_in
def knowledge(request: PageRequest, slug: str) -> HttpResponse:
    """The plug's documents; htmx asks for the table alone while some are being read."""
    plug = queries.get_plug(request.actor.organisation_id, slug)
    return _knowledge(request, plug)


def _knowledge(request: PageRequest, plug: Plug, *, fault: AppError | None = None) -> HttpResponse:
    context = {**_head(request, plug), "tab": "knowledge", "limit": MAX_UPLOAD_BYTES, "fault": fault}
    template = "plugs/progress.html" if _is_fragment(request) else "plugs/knowledge.html"
    return render(request, template, context, status=fault.status if fault else 200)


def _head(request: PageRequest, plug: Plug) -> dict[str, Any]:
    found = list(queries.list_documents(request.actor.organisation_id, plug))
    versions = [document.latest for document in found if document.latest]
    own = plug.organisation_id == request.actor.organisation_id
    answering = {document.id for document in found if document.current}
    lacking = queries.list_keyword_only(request.actor.organisation_id, plug) if has_embedder() else frozenset()
    return {
        "plug": plug,
        "own": own,
        "may_change": own and request.actor.role != "viewer",
        "documents": found[::-1],
        "processing": sum(version.status == DocumentVersion.Status.PROCESSING for version in versions),
        "failed": sum(version.status == DocumentVersion.Status.ERROR for version in versions),
        "keyword_only": answering & lacking,
        "pages": sum(version.pages or 0 for version in versions),
        "chunks": sum(version.chunks or 0 for version in versions),
    }


def _is_fragment(request: HttpRequest) -> bool:
    return bool(cast(HtmxDetails, request.htmx))  # type: ignore[attr-defined]


@require_POST
@signed_in
def upload(request: PageRequest, slug: str) -> HttpResponse:
    """Take files. Our script sends them one by one and asks for JSON; a plain form is led back to the page."""
    plug = queries.get_plug(request.actor.organisation_id, slug)
    try:
        taken = [
            documents.upload_document(actor=request.actor, plug=plug, file=file, filename=file.name or "")
            for file in _files(request)
        ]
    except AppError as error:
        if not request.accepts("text/html"):
            return JsonResponse({"message": error.message, "next_step": error.next_step}, status=error.status)
        return _knowledge(request, plug, fault=error)
    if not request.accepts("text/html"):
        return JsonResponse({"id": taken[0].id, "title": taken[0].title}, status=202)
    messages.success(request, f"Being read: {', '.join(document.title for document in taken)}.")
    return redirect("plugs:knowledge", plug.slug)


def _files(request: HttpRequest) -> list[File[Any]]:
    files = cast("list[File[Any]]", request.FILES.getlist("file"))
    if not files:
        raise InvalidError("No file came.", fields=(FieldError("file", "Choose a file."),))
    return files


@require_POST
@signed_in
def reindex(request: PageRequest, slug: str, document_id: str) -> HttpResponse:
    plug = queries.get_plug(request.actor.organisation_id, slug)
    document = documents.reindex_document(actor=request.actor, plug=plug, document_id=document_id)
    messages.success(request, f"{document.title} is being read again.")
    return redirect("plugs:knowledge", plug.slug)


@require_http_methods(["GET", "POST"])
@signed_in
def delete(request: PageRequest, slug: str, document_id: str) -> HttpResponse:
    """GET asks, POST does."""
    plug = queries.get_plug(request.actor.organisation_id, slug)
    document = queries.get_document(request.actor.organisation_id, plug, document_id)
    if request.method == "GET":
        return render(request, "plugs/delete.html", {"plug": plug, "document": document})
    documents.delete_document(actor=request.actor, plug=plug, document_id=document_id)
    messages.success(request, f"{document.title} is deleted. No answer uses it any more.")
    return redirect("plugs:knowledge", plug.slug)


@require_GET
@signed_in
def read(request: PageRequest, slug: str, document_id: str) -> HttpResponse:
    """A leaf of a document's version, the passage `start`–`end` lit; beside the chat as a fragment."""
    plug = queries.get_plug(request.actor.organisation_id, slug)
    document = queries.get_document(request.actor.organisation_id, plug, document_id)
    newest = document.current.number if document.current else 1
    start, end = _number(request, "start", 0), _number(request, "end", 0)
    leaf = reading.get_leaf(
        document,
        _number(request, "version", newest),
        number=_number(request, "leaf", 0) or None,
        start=start,
        end=end,
    )
    address = reverse("plugs:document", args=[plug.slug, document.id])
    context = {"plug": plug, "leaf": leaf, "start": start, "end": end, "address": address, "newest": newest}
    template = "plugs/leaf.html" if _is_fragment(request) else "plugs/document.html"
    return render(request, template, context)


def _number(request: HttpRequest, name: str, default: int) -> int:
    value = request.GET.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 10 else default
