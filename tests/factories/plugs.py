"""A plug with one of everything: a document that is ready, a conversation, an audit event."""

from dataclasses import dataclass

from django.core.files.base import ContentFile

from patchbay.kernel.audit import queries as audit
from patchbay.kernel.jobs import worker
from patchbay.kernel.usage import runtime
from patchbay.kernel.usage.contracts import Settlement, UsageRecord
from patchbay.lib.actor import Actor
from patchbay.lib.ids import new_id
from patchbay.products.plugs import services as plugs
from patchbay.products.plugs.models import ChatSession, Plug


@dataclass(frozen=True)
class Made:
    plug_id: str
    slug: str
    document_id: str
    session_id: str
    audit_event_id: str
    request_id: str


def plug(actor: Actor, *, name: str = "Handbook", text: str = "", filename: str = "handbook.md") -> tuple[Plug, str]:
    """Make a private plug and index one Markdown document; returns the plug and the document's id."""
    made = plugs.create_plug(actor=actor, name=name)
    document = plugs.upload_document(
        actor=actor,
        plug=made,
        file=ContentFile((text or "# Handbook\n\nThe gate closes at 18:30.").encode()),
        filename=filename,
    )
    worker.run_pending()
    return made, document.id


def plug_with_everything(actor: Actor, word: str) -> Made:
    """Make one of everything that carries `word` in each text a person could read."""
    made, document_id = plug(actor, name=f"Plug {word}", text=f"# About {word}\n\nThe {word} valve opens at 40 bar.")
    session = ChatSession.objects.create(organisation_id=actor.organisation_id, plug=made, title=f"On {word}")
    event = audit.list_events(actor.organisation_id).data[0]
    record = UsageRecord(request_id=new_id("req"), organisation_id=actor.organisation_id, model=word, plug_id=made.id)
    runtime.get_runtime().writer.submit(Settlement(None, 0, record)).result(10)
    return Made(made.id, made.slug, document_id, session.id, event.id, record.request_id)
