"""The outbox: what happened is written with the change itself and delivered afterwards, at least once."""

from typing import Any

from django.utils import timezone

from patchbay.kernel.events import engine
from patchbay.kernel.events.contracts import Handler
from patchbay.kernel.events.models import OutboxEvent


def emit(*, organisation_id: str, type: str, payload: dict[str, Any]) -> str:
    """Write an event ("document.ready") in the caller's transaction; return its id.

    `payload` is JSON and holds ids and facts, never secrets: it may leave for other systems.
    """
    return OutboxEvent.objects.create(organisation_id=organisation_id, type=type, payload=payload).id


def drain(handler: Handler, limit: int = 100) -> int:
    """Hand open events to the handler and return how many it took; run by as many processes as wish to.

    Each organisation's events come in order, one at a time. The handler runs in a transaction with the event's mark:
    what it writes happens once, and what it does outside the database at least once, so its network calls belong
    into jobs. An event whose handler raises is tried again later, and after `engine.MAX_FAILURES` times set aside.
    """
    handled = 0
    for organisation_id in engine.organisations_due(limit):
        if handled >= limit:
            break
        handled += engine.drain_lane(organisation_id, handler, limit - handled)
    return handled


def retry_set_aside(*, organisation_id: str) -> int:
    """Open an organisation's events that were set aside again; return how many. They come before later ones."""
    rows = OutboxEvent.objects.filter(organisation_id=organisation_id, set_aside_at__isnull=False)
    return rows.update(set_aside_at=None, failures=0)


def prune() -> int:
    """Forget handled events after a week and any event after 90 days; return how many."""
    now = timezone.now()
    handled, _ = OutboxEvent.objects.filter(handled_at__lt=now - engine.KEEP_HANDLED).delete()
    old, _ = OutboxEvent.objects.filter(created_at__lt=now - engine.KEEP_ANY).delete()
    return handled + old
