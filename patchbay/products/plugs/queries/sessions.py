"""Conversations of an organisation. `plug_id` narrows to one plug: what a key scoped to it may see."""

from typing import Any

from patchbay.lib.errors import NotFoundError
from patchbay.lib.paging import DEFAULT_LIMIT, Page, page_of
from patchbay.products.plugs.models import ChatMessage, ChatSession

HISTORY_TURNS = 6
HISTORY_CHARACTERS = 6000


def get_session(organisation_id: str, session_id: str, *, plug_id: str | None = None) -> ChatSession:
    """Return a session with its plug; NotFoundError when the organisation (or the plug) has none by this id."""
    rows = _sessions(organisation_id, plug_id)
    session: ChatSession | None = None
    if "\0" not in session_id:  # PostgreSQL takes no such text, not even to compare
        session = rows.filter(id=session_id).first()
    if session is None:
        raise NotFoundError("There is no such session here.", next_step="Leave session_id out to begin a new one.")
    return session


def list_sessions(
    organisation_id: str,
    *,
    plug_id: str | None = None,
    user_id: str | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[ChatSession]:
    """Return sessions, newest first; `user_id` narrows to those that one member began."""
    rows = _sessions(organisation_id, plug_id)
    return page_of(rows.filter(user_id=user_id) if user_id else rows, limit=limit, cursor=cursor)


def list_messages(session: ChatSession) -> list[ChatMessage]:
    """Return the whole conversation in the order of its answers, each behind its question."""
    return list(session.messages.order_by("exchange", "created_at", "-role"))


def list_recent_messages(session: ChatSession) -> list[ChatMessage]:
    """Return the latest turns that fit a prompt, oldest first: at most six, of at most 6,000 characters together."""
    recent: list[ChatMessage] = []
    room = HISTORY_CHARACTERS
    for message in session.messages.order_by("-exchange", "-created_at", "role")[:HISTORY_TURNS]:
        room -= len(message.content)
        if room < 0:
            break
        recent.append(message)
    if recent and recent[-1].role == ChatMessage.Role.ASSISTANT:
        recent.pop()  # an answer without its question says nothing
    return recent[::-1]


def _sessions(organisation_id: str, plug_id: str | None) -> Any:
    rows = ChatSession.objects.filter(organisation_id=organisation_id).select_related("plug")
    return rows.filter(plug_id=plug_id) if plug_id else rows
