"""Recalls: asking other processes for the credit that they lease and do not use.

Raising a recall advances a number on each lease; its holder returns what no hold needs and copies the number in the
same transaction. Who asked waits until every lease it asked has answered or has been closed, then decides on the
balance that is left: only then may it refuse.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F

from patchbay.kernel.ledger.models import CreditAccount, Lease

# A holder answers within 50 ms; one that is gone is closed after its heartbeat's time. Longer is a fault of ours.
PATIENCE_SECONDS = 15.0
SCARCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Recall:
    """Leases asked, each with the number it must acknowledge; empty before anyone was asked."""

    numbers: tuple[tuple[str, int], ...]
    answered: bool = False

    def check(self) -> bool:
        """Read whether every lease has answered, is closed or is empty."""
        asked = dict(self.numbers)
        rows = Lease.objects.filter(id__in=asked, balance_micro__gt=0).values_list("id", "recall_ack")
        if any(ack < asked[lease_id] for lease_id, ack in rows):
            return False
        object.__setattr__(self, "answered", True)
        return True


def holders(organisation_id: str, *, but: str = "") -> tuple[str, ...]:
    """Return the leases, other than `but`, that may have credit of the organisation to return."""
    rows = Lease.objects.filter(organisation_id=organisation_id, balance_micro__gt=0).exclude(id=but)
    return tuple(rows.order_by("id").values_list("id", flat=True))


def raise_recall(lease_ids: Iterable[str]) -> Recall:
    """Ask leases for what they do not use. One statement and commit each: no two of them are locked together."""
    numbers = []
    for lease_id in lease_ids:
        Lease.objects.filter(id=lease_id).update(recall_number=F("recall_number") + 1)
        numbers.append((lease_id, Lease.objects.values_list("recall_number", flat=True).get(id=lease_id)))
    return Recall(tuple(numbers))


def mark_scarce(organisation_id: str, now: datetime) -> None:
    """Have every process lease single holds for a while; called under the organisation's lock."""
    until = now + timedelta(seconds=SCARCE_SECONDS)
    CreditAccount.objects.filter(organisation_id=organisation_id).update(scarce_until=until)
