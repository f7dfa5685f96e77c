"""`/v1/sessions`: conversations, read and deleted. A key scoped to one plug sees that plug's alone."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from patchbay.kernel.keys.contracts import Grant
from patchbay.lib.rest import PageOut, PagingQuery, Timestamp
from patchbay.products.plugs.models import ChatMessage, ChatSession
from patchbay.products.plugs.queries import sessions as queries
from patchbay.products.plugs.services import sessions

router = Router(tags=["sessions"])


class SessionOut(Schema):
    """A conversation with a plug; `plug` is its slug."""

    id: str
    plug: str
    title: str
    created_at: Timestamp
    updated_at: Timestamp


class MessageOut(Schema):
    """One turn; an assistant's turn has the whole answer object as it was sent."""

    id: str
    role: str
    content: str
    answer: dict[str, Any] | None
    created_at: Timestamp


class SessionDetailOut(SessionOut):
    """A conversation with its turns, oldest first."""

    messages: list[MessageOut]


@router.get("", response=PageOut[SessionOut], operation_id="list_sessions", summary="List conversations")
def list_sessions(request: HttpRequest, paging: PagingQuery) -> dict[str, Any]:
    grant = _grant(request)
    page = queries.list_sessions(grant.organisation_id, plug_id=grant.plug_id, limit=paging.limit, cursor=paging.cursor)
    return {"data": [_session(session) for session in page.data], "next_cursor": page.next_cursor}


@router.get("/{session_id}", response=SessionDetailOut, operation_id="get_session", summary="Read a conversation")
def get_session(request: HttpRequest, session_id: str) -> dict[str, Any]:
    grant = _grant(request)
    session = queries.get_session(grant.organisation_id, session_id, plug_id=grant.plug_id)
    return _session(session) | {"messages": [_message(message) for message in queries.list_messages(session)]}


@router.delete("/{session_id}", response={204: None}, operation_id="delete_session", summary="Delete a conversation")
def delete_session(request: HttpRequest, session_id: str) -> Status[None]:
    grant = _grant(request)
    sessions.delete_session(actor=request.actor, session_id=session_id, plug_id=grant.plug_id)  # type: ignore[attr-defined]
    return Status(204, None)


def _grant(request: HttpRequest) -> Grant:
    grant: Grant = request.auth  # type: ignore[attr-defined]
    return grant


def _session(session: ChatSession) -> dict[str, Any]:
    return {
        "id": session.id,
        "plug": session.plug.slug,
        "title": session.title,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
    }


def _message(message: ChatMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "role": message.role,
        "content": message.content,
        "answer": message.answer,
        "created_at": message.created_at,
    }
