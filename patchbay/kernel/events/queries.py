"""What the outbox holds."""

from django.db.models import QuerySet

from patchbay.kernel.events.contracts import Event
from patchbay.kernel.events.models import OutboxEvent


def list_events(organisation_id: str, *, type: str | None = None, limit: int = 50) -> list[Event]:
    """Return an organisation's newest events, handled or not: what a feed of activity shows."""
    rows = OutboxEvent.objects.filter(organisation_id=organisation_id)
    if type:
        rows = rows.filter(type=type)
    return [
        Event(row.id, row.organisation_id, row.type, row.payload, row.created_at)
        for row in rows.order_by("-position")[:limit]
    ]


def open_events() -> QuerySet[OutboxEvent]:
    """Return the events that are neither handled nor set aside."""
    return OutboxEvent.objects.filter(handled_at__isnull=True, set_aside_at__isnull=True)


def count_open() -> int:
    """Return how many events wait to be handled, over all organisations: for health checks."""
    return open_events().count()


def count_set_aside() -> int:
    """Return how many events failed for good and wait for an operator."""
    return OutboxEvent.objects.filter(set_aside_at__isnull=False).count()
