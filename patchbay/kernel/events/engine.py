"""Draining one organisation's lane: claimed for a while, in order, each event with its handler's writes or not."""

from datetime import timedelta
from traceback import format_exception_only

from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q
from django.utils import timezone

from patchbay.kernel.events.contracts import Event, Handler
from patchbay.kernel.events.models import Lane, OutboxEvent
from patchbay.kernel.events.queries import open_events
from patchbay.lib.ids import new_id

HOLD = timedelta(seconds=60)
MAX_FAILURES = 10
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=10)
KEEP_HANDLED = timedelta(days=7)
KEEP_ANY = timedelta(days=90)


def organisations_due(limit: int) -> list[str]:
    """Return the organisations whose events may be drained now, the longest waiting first."""
    now = timezone.now()
    busy = Lane.objects.filter(organisation_id=OuterRef("organisation_id")).filter(
        Q(held_until__gt=now) | Q(not_before__gt=now)
    )
    waiting = open_events().filter(~Exists(busy)).values("organisation_id").annotate(first=Min("position"))
    return [row["organisation_id"] for row in waiting.order_by("first")[:limit]]


def drain_lane(organisation_id: str, handler: Handler, limit: int) -> int:
    """Hand an organisation's open events to the handler, oldest first; return how many it took.

    Stops at the first failure, so that none overtakes another, and returns 0 when another holds the lane.
    """
    holder = _take(organisation_id)
    if holder is None:
        return 0
    handled = 0
    for row in open_events().filter(organisation_id=organisation_id).order_by("position")[:limit]:
        try:
            with transaction.atomic():
                if not _keep(organisation_id, holder):
                    return handled
                handler(Event(row.id, row.organisation_id, row.type, row.payload, row.created_at))
                OutboxEvent.objects.filter(position=row.position).update(handled_at=timezone.now())
        except Exception as error:
            _note_failure(row, holder, error)
            return handled
        handled += 1
    Lane.objects.filter(organisation_id=organisation_id, holder=holder).update(holder="", held_until=None)
    return handled


def _take(organisation_id: str) -> str | None:
    """Claim the lane if nobody holds it; the claim ends by itself, so that a dead holder's events are drained again."""
    now = timezone.now()
    holder = new_id("drain")
    Lane.objects.get_or_create(organisation_id=organisation_id)
    free = Q(held_until__isnull=True) | Q(held_until__lte=now)
    due = Q(not_before__isnull=True) | Q(not_before__lte=now)
    taken = Lane.objects.filter(free, due, organisation_id=organisation_id).update(
        holder=holder, held_until=now + HOLD, not_before=None
    )
    return holder if taken else None


def _keep(organisation_id: str, holder: str) -> bool:
    """Extend the claim inside the event's transaction; False when it ended and another took the lane.

    The update locks the lane's row until the event is handled, so no one can take it meanwhile.
    """
    until = timezone.now() + HOLD
    return bool(Lane.objects.filter(organisation_id=organisation_id, holder=holder).update(held_until=until))


def _note_failure(row: OutboxEvent, holder: str, error: Exception) -> None:
    """Let the lane rest for a while that doubles; an event that failed too often is set aside with the reason."""
    now = timezone.now()
    row.failures += 1
    row.last_error = "".join(format_exception_only(error)).strip()[:2000]
    pause = min(FIRST_PAUSE * (1 << (row.failures - 1)), LONGEST_PAUSE)
    if row.failures >= MAX_FAILURES:
        row.set_aside_at = now
        pause = timedelta(0)
    with transaction.atomic():
        row.save(update_fields=["failures", "last_error", "set_aside_at"])
        Lane.objects.filter(organisation_id=row.organisation_id, holder=holder).update(
            holder="", held_until=None, not_before=now + pause
        )
