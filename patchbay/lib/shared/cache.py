"""Values in this process's memory, each somebody's, that fall when the epoch says that theirs changed.

Whoever changes something says whose it is (`changed`): an organisation, or a topic that a cache as a whole hangs on.
Only that falls, so that with thousands of organisations a change of one costs the others nothing. A process that
missed so many changes that their names are lost drops everything.

What is read from the database is kept under the epoch that was read *before*: when its owner changed meanwhile it is
returned to whoever loaded it and not kept.
"""

import random
import threading
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.conf import settings
from django.db import connection, transaction

from patchbay.lib.epoch import EVERYONE
from patchbay.lib.shared.state import epoch

SECONDS = 60.0
"""For how long a change on another machine may stay unknown without Redis."""
ALONE_SECONDS = 900.0
"""Where every process sees the epoch, a file database or Redis: thousands of values are costly to read anew."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def changed(name: str = EVERYONE) -> None:
    """Drop what every process remembers of `name` once the caller's transaction has committed."""
    transaction.on_commit(lambda: epoch().bump(name) and None)


def max_age() -> float:
    """Return for how many seconds a value may be used though nobody says that it changed."""
    everyone_sees = bool(settings.REDIS_URL) or "sqlite" in settings.DATABASES["default"]["ENGINE"]
    return ALONE_SECONDS if everyone_sees else SECONDS


@dataclass(slots=True)
class _Half(Generic[K, V]):
    """Values with their ends and owners, and the keys of each owner's."""

    values: dict[K, tuple[float, V, str]] = field(default_factory=dict)
    owned: dict[str, list[K]] = field(default_factory=dict)


class OwnedCache(Generic[K, V]):
    """At most 2 × `size` values; those not used while `size` others were are forgotten.

    Kept in two halves: what is used moves from the old to the young one, and a full young one becomes the old. So a
    hit writes nothing, which a list in the order of use would have to, and forgetting costs no search. Every method may
    be called from any thread, and only `get` waits, for `load`.
    """

    def __init__(self, *, size: int, topics: Collection[str] = ()) -> None:
        self._size = size
        self._topics = frozenset(topics)
        self._seen = -1
        self._young: _Half[K, V] = _Half()
        self._old: _Half[K, V] = _Half()
        self._lock = threading.Lock()

    def find(self, key: K) -> V | None:
        """Return the value if it is there and current."""
        if self._seen != epoch().read():
            with self._lock:
                self._follow()
        entry = self._young.values.get(key) or self._promoted(key)
        return entry[1] if entry is not None and time.monotonic() < entry[0] else None

    def put(self, key: K, value: V, *, owner: str, seen: int) -> None:
        """Keep a value that was read after the epoch was `seen`, unless its owner has changed since."""
        # Not all at the same time: what was read together would else have to be read together again.
        until = time.monotonic() + max_age() * random.uniform(0.75, 1.0)  # noqa: S311
        with self._lock:
            self._follow()
            if seen != self._seen:
                _, names = epoch().changes_since(seen)
                if names is None or owner in names or names & self._topics:
                    return
            self._insert(key, (until, value, owner))

    def get(self, key: K, load: Callable[[], V], *, owner: str) -> V:
        """Return the value, loading it when it is not there.

        In a transaction it is loaded each time: what the transaction wrote is true there and may be rolled back.
        """
        if connection.in_atomic_block:
            return load()
        value = self.find(key)
        if value is None:
            seen = epoch().read()
            value = load()
            self.put(key, value, owner=owner, seen=seen)
        return value

    def _promoted(self, key: K) -> tuple[float, V, str] | None:
        """Return what the old half has, having moved it to the young one."""
        if key not in self._old.values:
            return None
        with self._lock:
            entry = self._old.values.get(key)
            if entry is not None:
                self._insert(key, entry)
        return entry

    def _insert(self, key: K, entry: tuple[float, V, str]) -> None:
        if len(self._young.values) >= self._size and key not in self._young.values:
            self._old, self._young = self._young, _Half()
        if key not in self._young.values:
            self._young.owned.setdefault(entry[2], []).append(key)
        self._young.values[key] = entry

    def _follow(self) -> None:
        """Drop what the changes since the last look concern; under the lock."""
        now, names = epoch().changes_since(self._seen)
        if now == self._seen:
            return
        self._fall(names)
        self._seen = now  # last: who finds it current must not find what fell

    def _fall(self, names: frozenset[str] | None) -> None:
        """Drop what belongs to `names`, everything for None; called under the lock."""
        if names is None or names & self._topics:
            self._old, self._young = _Half(), _Half()
            return
        for half in (self._young, self._old):
            for name in names:
                for key in half.owned.pop(name, ()):
                    half.values.pop(key, None)
