"""Reading the audit log. Owners alone may read it; the doors check that."""

import json
from datetime import datetime

from django.db.models import Q, QuerySet

from patchbay.kernel.audit import chain, contracts
from patchbay.kernel.audit.models import AuditEvent, AuditHead
from patchbay.lib.errors import FieldError, InvalidError, NotFoundError
from patchbay.lib.paging import DEFAULT_LIMIT, Page, page_of


def list_events(
    organisation_id: str,
    *,
    action: str | None = None,
    kind: str | None = None,
    actor: str | None = None,
    target_id: str | None = None,
    search: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[contracts.AuditEvent]:
    """Return events, newest first, `since` ≤ time < `until`.

    `actor` is a user's or key's id or a part of a name; `search` a part of an actor's name, an object's name or an
    address. InvalidError for an unknown kind or a cursor of another list.
    """
    rows = AuditEvent.objects.filter(organisation_id=organisation_id)
    if action:
        rows = rows.filter(action=action)
    if kind:
        rows = rows.filter(_of_kind(kind))
    if actor:
        rows = rows.filter(Q(user_id=actor) | Q(key_id=actor) | Q(actor_name__icontains=actor))
    if target_id:
        rows = rows.filter(target_id=target_id)
    if search:
        rows = rows.filter(
            Q(actor_name__icontains=search) | Q(target_name__icontains=search) | Q(address__startswith=search)
        )
    if since:
        rows = rows.filter(created_at__gte=since)
    if until:
        rows = rows.filter(created_at__lt=until)
    return _page(rows, limit, cursor)


def _of_kind(kind: str) -> Q:
    if kind not in contracts.KINDS:
        choices = ", ".join(contracts.KINDS)
        raise InvalidError("There is no such kind of event.", fields=(FieldError("kind", f"Choose from: {choices}."),))
    named = {known: [f"{noun}." for noun in nouns] for known, nouns in contracts.NOUNS_BY_KIND.items()}
    if kind in named:
        return _starts_with(named[kind])
    return ~_starts_with([prefix for prefixes in named.values() for prefix in prefixes])


def _starts_with(prefixes: list[str]) -> Q:
    condition = Q()
    for prefix in prefixes:
        condition |= Q(action__startswith=prefix)
    return condition


def _page(rows: QuerySet[AuditEvent], limit: int, cursor: str | None) -> Page[contracts.AuditEvent]:
    try:
        page = page_of(rows, limit=limit, cursor=cursor, key="sequence")
    except ValueError:  # a cursor of another list, which pages by id
        raise InvalidError(
            "The cursor is not one that this list returned.", fields=(FieldError("cursor", "Begin again without it."),)
        ) from None
    return Page([_shown(row) for row in page.data], page.next_cursor)


def get_event(organisation_id: str, event_id: str) -> contracts.AuditEvent:
    """Return one event; NotFoundError for another organisation's."""
    row = AuditEvent.objects.filter(organisation_id=organisation_id, pk=event_id).first()
    if row is None:
        raise NotFoundError("There is no such event.")
    return _shown(row)


def verify_chain(organisation_id: str) -> contracts.ChainCheck:
    """Recompute the chain of an organisation, from its anchor on, and compare it with what is stored.

    Events written meanwhile are left to the next check: the end of the chain is read first. If the oldest were let go
    meanwhile, it is recomputed from the new anchor.
    """
    head = _head(organisation_id)
    seen, fault = _verify(head)
    while fault and (now := _head(organisation_id)).anchor_sequence != head.anchor_sequence:
        head = now
        seen, fault = _verify(head)
    return contracts.ChainCheck(seen - head.anchor_sequence, fault, let_go=head.anchor_sequence)


def _head(organisation_id: str) -> AuditHead:
    return AuditHead.objects.filter(pk=organisation_id).first() or AuditHead(organisation_id=organisation_id)


def _verify(head: AuditHead) -> tuple[int, str | None]:
    """Return the last event that agrees, and what is wrong with the one after it."""
    rows = AuditEvent.objects.filter(organisation_id=head.organisation_id, sequence__lte=head.sequence)
    seen, digest = head.anchor_sequence, head.anchor_digest
    for row in rows.order_by("sequence").iterator(chunk_size=1000):
        if row.sequence != seen + 1:
            return seen, f"Event {seen + 1} is missing."
        if row.previous_digest != digest or row.digest != chain.digest_of(row):
            return seen, f"Event {row.sequence} was changed after it was written."
        seen, digest = row.sequence, row.digest
    if seen != head.sequence or digest != head.digest:
        return seen, f"The chain ends at event {seen}; {head.sequence} were written."
    return seen, None


def _shown(row: AuditEvent) -> contracts.AuditEvent:
    values = {name: getattr(row, name) for name in contracts.AuditEvent.__slots__}
    values["changes"] = json.loads(row.changes)
    for name in ("user_id", "key_id", "address"):
        values[name] = values[name] or None
    return contracts.AuditEvent(**values)
