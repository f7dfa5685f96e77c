"""Writing the audit log: in the transaction of what it tells of, so that neither stands without the other."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from patchbay.kernel.audit import chain
from patchbay.kernel.audit.models import AuditEvent, AuditHead
from patchbay.lib.actor import Actor

PRUNE_LIMIT = 5_000  # events let go in one transaction
_NAME_LENGTH = 200


@transaction.atomic
def record(
    *,
    actor: Actor,
    action: str,
    target_type: str,
    target_id: str,
    target_name: str,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Append an event to the chain of the actor's organisation.

    `action` is `noun.verb_in_the_past` ("key.created"); `changes` maps a field to `[before, after]` or to a value,
    and never holds a secret. Events of one organisation are put in order by a row lock that is kept until the
    caller's transaction ends.
    """
    head = _locked_head(actor.organisation_id)
    event = AuditEvent(
        organisation_id=actor.organisation_id,
        sequence=head.sequence + 1,
        created_at=timezone.now(),
        action=action,
        target_type=target_type,
        target_id=target_id,
        target_name=_text(target_name),
        changes=chain.canonical(dict(changes or {})),
        actor_kind=actor.kind,
        actor_role=actor.role,
        actor_name=_text(actor.name),
        user_id=actor.user_id or "",
        key_id=actor.key_id or "",
        address=(actor.address or "")[:45],
        previous_digest=head.digest,
    )
    event.digest = chain.digest_of(event)
    event.save(force_insert=True)
    head.sequence, head.digest = event.sequence, event.digest
    head.save(update_fields=["sequence", "digest"])


@transaction.atomic
def prune(organisation_id: str, *, before: datetime, limit: int = PRUNE_LIMIT) -> int:
    """Let go of at most `limit` of the oldest events, those before a time; return how many went.

    They go as a prefix of the chain. The head keeps the digest of the last one, from which the rest is verified.
    """
    head = AuditHead.objects.select_for_update().filter(pk=organisation_id).first()
    if head is None:
        return 0
    rows = AuditEvent.objects.filter(organisation_id=organisation_id)
    first_kept = rows.filter(created_at__gte=before).aggregate(first=Min("sequence"))["first"] or head.sequence + 1
    last = min(first_kept - 1, head.anchor_sequence + limit)
    if last <= head.anchor_sequence:
        return 0
    head.anchor_sequence, head.anchor_digest = last, rows.get(sequence=last).digest
    head.save(update_fields=["anchor_sequence", "anchor_digest"])
    gone, _ = rows.filter(sequence__lte=last).delete()
    return gone


def _locked_head(organisation_id: str) -> AuditHead:
    AuditHead.objects.bulk_create([AuditHead(organisation_id=organisation_id)], ignore_conflicts=True)
    return AuditHead.objects.select_for_update().get(pk=organisation_id)


def _text(name: str) -> str:
    """PostgreSQL keeps no NUL character in text."""
    return name.replace("\0", "")[:_NAME_LENGTH]
