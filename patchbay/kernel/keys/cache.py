"""Grants and refusals in this process's memory; a grant falls when its organisation or the plans change (`lib.shared`).

Keys are known by their digests alone; a refusal keeps its reason, so that the second answer says what the first did. A
refusal is nobody's: the key may be made the next moment, by whomever, so any change of anyone's drops them all.
"""

import threading
import time
from collections.abc import Callable

from django.db import transaction

from patchbay.kernel.keys.contracts import Grant, Refusal
from patchbay.kernel.plans.queries import PLANS
from patchbay.lib.shared.cache import OwnedCache
from patchbay.lib.shared.state import epoch

REFUSED_SECONDS = 5  # a key made on another machine is known within this
SIZE = 50_000  # with as many that are not used, 100,000 grants of about 1 kB: 100 MB at the most
FLOOD = 64  # refused keys, after which one look at all digests answers for the rest


def announced(organisation_id: str) -> None:
    """As `changed`, for a key that is new: other machines know it within `REFUSED_SECONDS` even without Redis."""
    transaction.on_commit(lambda: epoch().announce(organisation_id))


class GrantCache(OwnedCache[str, Grant]):
    """Grants by digest, and why other digests were refused. Only `refusal` waits, for the database."""

    def __init__(self) -> None:
        super().__init__(size=SIZE, topics=[PLANS])
        self._refused: dict[str, tuple[float, Refusal]] = {}
        self._usable: tuple[float, frozenset[str]] | None = None
        self._looking = threading.Lock()

    def find(self, digest: str) -> Grant | None:
        """Return a grant that is known, current and not expired."""
        grant = super().find(digest)
        return None if grant is None or grant.expired else grant

    def remember(self, digest: str, found: Grant | Refusal, *, seen: int) -> None:
        """Keep what was read after the epoch was `seen`."""
        if isinstance(found, Grant):
            self.put(digest, found, owner=found.organisation_id, seen=seen)
            return
        with self._lock:
            self._follow()
            if seen == self._seen:
                self._refused[digest] = (time.monotonic(), found)

    def refusal(self, digest: str, list_usable: Callable[[], frozenset[str]]) -> Refusal | None:
        """Return why a digest is known to be no usable key; None when only the database can tell.

        A flood of different keys would ask the database for each; from the `FLOOD`th on, `list_usable` is asked once
        in a while instead, and answers for all of them: neither reads nor memory grow with the flood.
        """
        with self._lock:
            self._follow()
            since, reason = self._refused.get(digest, (-REFUSED_SECONDS, "unusable"))
            flooded = len(self._refused) >= FLOOD
        if time.monotonic() - since < REFUSED_SECONDS:
            return reason
        if not flooded:
            return None
        with self._looking:
            return None if digest in self._list_usable(list_usable) else "unusable"

    def _list_usable(self, list_usable: Callable[[], frozenset[str]]) -> frozenset[str]:
        known, now = self._usable, time.monotonic()
        if known is not None and now - known[0] < REFUSED_SECONDS:
            return known[1]
        seen = epoch().read()
        usable = list_usable()
        with self._lock:
            self._follow()
            if seen == self._seen:
                self._usable = (now, usable)
        return usable

    def _fall(self, names: frozenset[str] | None) -> None:
        super()._fall(names)
        self._refused, self._usable = {}, None
