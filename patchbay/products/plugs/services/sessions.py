"""Conversations: begun by the first question, grown by each answer, deleted whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from patchbay.kernel.audit import services as audit
from patchbay.lib.actor import Actor
from patchbay.products.plugs.models import ChatMessage, ChatSession, Plug
from patchbay.products.plugs.queries import sessions as queries

TITLE_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer, as they are kept."""

    session_id: str
    is_new_session: bool
    plug_id: str
    question: str
    asked_at: datetime
    answer_id: str
    answer_text: str
    answer: Mapping[str, Any]


def record_exchange(*, actor: Actor, exchange: Exchange) -> None:
    """Add a question and its answer to a session, which a first question begins.

    What was deleted while its answer was being written, the session or its whole plug, stays deleted.
    """
    try:
        with transaction.atomic():
            _store(actor, exchange)
    except IntegrityError:  # asked for only then: every question would pay for looking first
        if Plug.objects.filter(id=exchange.plug_id).exists():
            raise


def _store(actor: Actor, exchange: Exchange) -> None:
    if exchange.is_new_session:
        _begin(actor, exchange)
    elif not ChatSession.objects.filter(id=exchange.session_id, organisation_id=actor.organisation_id).update(
        updated_at=timezone.now()
    ):
        return
    ChatMessage.objects.bulk_create(
        [
            ChatMessage(
                session_id=exchange.session_id,
                role=ChatMessage.Role.USER,
                content=exchange.question,
                exchange=exchange.answer_id,
                created_at=exchange.asked_at,
            ),
            ChatMessage(
                id=exchange.answer_id,
                session_id=exchange.session_id,
                role=ChatMessage.Role.ASSISTANT,
                content=exchange.answer_text,
                answer=exchange.answer,
                exchange=exchange.answer_id,
            ),
        ]
    )


def _begin(actor: Actor, exchange: Exchange) -> None:
    title = " ".join(exchange.question.split())
    ChatSession.objects.create(
        id=exchange.session_id,
        organisation_id=actor.organisation_id,
        plug_id=exchange.plug_id,
        key_id=actor.key_id,
        user_id=actor.user_id,
        title=title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1]}…",
        created_at=exchange.asked_at,
    )


def delete_session(*, actor: Actor, session_id: str, plug_id: str | None = None) -> None:
    """Delete a session with its messages; NotFoundError for another organisation's.

    Needs the role editor, except for a member's own conversation.
    """
    session = queries.get_session(actor.organisation_id, session_id, plug_id=plug_id)
    if actor.user_id is None or actor.user_id != session.user_id:
        actor.require("editor")
    with transaction.atomic():
        audit.record(
            actor=actor,
            action="session.deleted",
            target_type="session",
            target_id=session.id,
            target_name=session.title,
        )
        session.delete()
