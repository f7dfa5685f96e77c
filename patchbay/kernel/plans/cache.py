"""Values kept in this process until the epoch moves (`lib.epoch`): reading one costs a memory access."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from django.db import connection, transaction

from patchbay.lib.shared.state import epoch

V = TypeVar("V")


def changed() -> None:
    """Drop every process's cached values once the caller's transaction has committed."""
    transaction.on_commit(lambda: epoch().bump() and None)


class EpochCache(Generic[V]):
    """A cache that forgets everything when the epoch moves.

    Inside a transaction it is bypassed: there the transaction's own writes are the truth, and they may yet be
    rolled back.
    """

    def __init__(self) -> None:
        self._filled: tuple[int, dict[Hashable, V]] = (-1, {})

    def find(self, key: Hashable) -> V | None:
        """Return the value if it is cached and current; never touches the database."""
        seen, values = self._filled
        return values.get(key) if seen == epoch().read() else None

    def put(self, key: Hashable, value: V, *, seen: int) -> None:
        """Keep a value that was made while the epoch was `seen`; nothing is kept when it has moved since."""
        filled = self._filled
        if filled[0] != seen and seen == epoch().read():
            filled = self._filled = (seen, {})
        if filled[0] == seen:
            filled[1][key] = value

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        """Return the value, loading it when it is not cached."""
        if connection.in_atomic_block:
            return load()
        now = epoch().read()  # before loading: a change during the load must drop what was loaded
        filled = self._filled
        if filled[0] != now:
            filled = self._filled = (now, {})
        values = filled[1]  # not `self._filled`, which another thread may have replaced under a newer epoch
        if key not in values:
            values[key] = load()
        return values[key]
