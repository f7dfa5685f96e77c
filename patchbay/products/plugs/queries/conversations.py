"""What a question needs before it is asked: the plug, the session it goes on with, and the earlier turns."""

from dataclasses import dataclass

from patchbay.lib.errors import FieldError, ForbiddenError, InvalidError
from patchbay.lib.ids import new_id
from patchbay.products.plugs.models import ChatMessage, Plug
from patchbay.products.plugs.queries import plugs, sessions


@dataclass(frozen=True, slots=True)
class Conversation:
    """Where a question falls; a new session has an id already and is stored with its first answer."""

    plug: Plug
    persona: str
    session_id: str
    is_new: bool
    history: tuple[ChatMessage, ...]


def get_conversation(
    organisation_id: str, *, plug: str | None, session_id: str | None, only_plug_id: str | None
) -> Conversation:
    """Find the plug by id or slug, else by the key's scope, else by the session.

    NotFoundError for what the organisation does not have, ForbiddenError for a plug outside the key's scope,
    InvalidError when nothing says which plug, or when the session is about another one.
    """
    session = sessions.get_session(organisation_id, session_id) if session_id else None
    wanted = plug or only_plug_id or (session.plug_id if session else None)
    if not wanted:
        raise InvalidError(
            "Which plug is asked?",
            fields=(FieldError("plugin_id", "Name a plug by its id or slug, or use a key scoped to one plug."),),
        )
    found = plugs.get_plug(organisation_id, wanted)
    if only_plug_id and found.id != only_plug_id:
        raise ForbiddenError("This key may only ask the plug that it is scoped to.")
    if session and session.plug_id != found.id:
        raise InvalidError(
            "The session is about another plug.",
            fields=(FieldError("session_id", f"It is a conversation with {session.plug.slug}."),),
        )
    return Conversation(
        plug=found,
        persona=plugs.get_published(found).persona,
        session_id=session.id if session else new_id("ses"),
        is_new=session is None,
        history=tuple(sessions.list_recent_messages(session)) if session else (),
    )
