"""Grants and refusals in this process's memory, dropped when the epoch moves (`lib.epoch`).

Keys are known by their digests alone; a refusal keeps its reason, so that the second answer says what the first did.

A *generation* is what was learned under one epoch. Its holder reads the epoch before the database, so what a slow
reader stores after a revocation lands in a generation that nobody asks any more.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction

from patchbay.kernel.keys.contracts import Grant, Refusal
from patchbay.lib.shared.state import epoch

SECONDS = 60  # on other machines, without Redis, a revoked key ends within this
ALONE_SECONDS = 900  # where every process sees the epoch: a file database, or Redis; many keys are costly to read anew
REFUSED_SECONDS = 5  # a key made on another machine is known within this
MAX_GRANTS = 20_000
FLOOD = 64  # refused keys under one generation, after which one look at all digests answers for the rest


def changed() -> None:
    """Drop every process's grants and refusals once the caller's transaction has committed."""
    transaction.on_commit(lambda: epoch().bump() and None)


def max_age() -> float:
    """Return for how many seconds what was learned may be used though the epoch stands still."""
    everyone_sees = bool(settings.REDIS_URL) or "sqlite" in settings.DATABASES["default"]["ENGINE"]
    return ALONE_SECONDS if everyone_sees else SECONDS


def announced() -> None:
    """As `changed`, for a key that is new: other machines know it within `REFUSED_SECONDS` even without Redis."""
    transaction.on_commit(epoch().announce)


@dataclass(slots=True)
class Generation:
    """What is known under one epoch."""

    epoch: int
    born: float
    grants: dict[str, Grant] = field(default_factory=dict)
    refused: dict[str, tuple[float, Refusal]] = field(default_factory=dict)
    usable: tuple[float, frozenset[str]] | None = None
    max_age: float = field(default_factory=lambda: max_age())
    looking: threading.Lock = field(default_factory=threading.Lock)

    def remember(self, digest: str, grant: Grant) -> None:
        if len(self.grants) < MAX_GRANTS:
            self.grants[digest] = grant

    def refuse(self, digest: str, reason: Refusal) -> None:
        self.refused[digest] = (time.monotonic(), reason)

    def refusal(self, digest: str, list_usable: Callable[[], frozenset[str]]) -> Refusal | None:
        """Return why a digest is known to be no usable key; None when only the database can tell.

        A flood of different keys would ask the database for each; from the `FLOOD`th on, `list_usable` is asked once
        in a while instead, and answers for all of them: neither reads nor memory grow with the flood.
        """
        now = time.monotonic()
        since, reason = self.refused.get(digest, (-REFUSED_SECONDS, "unusable"))
        if now - since < REFUSED_SECONDS:
            return reason
        if len(self.refused) < FLOOD:
            return None
        with self.looking:
            if self.usable is None or now - self.usable[0] >= REFUSED_SECONDS:
                self.usable = (now, list_usable())
            return None if digest in self.usable[1] else "unusable"


class GrantCache:
    """The current generation; every method may be called from any thread and none of them waits."""

    def __init__(self) -> None:
        self._generation = Generation(epoch=-1, born=0.0)

    def find(self, digest: str) -> Grant | None:
        """Return a grant that is known, current and not expired."""
        generation = self._generation
        if generation.epoch != epoch().read() or time.monotonic() - generation.born >= generation.max_age:
            return None
        grant = generation.grants.get(digest)
        return None if grant is None or grant.expired else grant

    def current(self) -> Generation:
        """Return the generation to load into; take it before reading the database."""
        now = epoch().read()
        generation = self._generation
        if generation.epoch != now or time.monotonic() - generation.born >= generation.max_age:
            generation = self._generation = Generation(epoch=now, born=time.monotonic())
        return generation
