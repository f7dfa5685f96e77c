"""What a process remembers of a scope: where each document's units stand, and the sign bits of their vectors.

48 bytes for each unit of 384 dimensions. It is made from the database alone and used only while the scope's
version is the one it was made at; the least used go when all pass MAX_BYTES.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from patchbay.kernel.search.models import UNIT_BITS, IndexedDocument, IndexScope

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Directory:
    """The documents of one or several scopes, their units in consecutive slots.

    `numbers` are the documents' numbers, ascending within a scope but not over all; `starts` their first slots;
    `codes` the sign bits of the embedded units, shape (words, embedded units); `coded` the slots of these.
    """

    scope_ids: tuple[int, ...]
    units: int
    length: int
    numbers: NDArray[np.int64]
    starts: NDArray[np.int64]
    codes: NDArray[np.uint64]
    coded: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        return self.numbers.nbytes + self.starts.nbytes + self.codes.nbytes + self.coded.nbytes

    def bases(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first slot of each document, -1 for one that is not here."""
        if not len(self.numbers):
            return np.full(len(numbers), -1, dtype=np.int64)
        order = np.argsort(self.numbers, kind="stable")
        places = order[np.minimum(np.searchsorted(self.numbers, numbers, sorter=order), len(order) - 1)]
        return np.where(self.numbers[places] == numbers, self.starts[places], -1)

    def is_coded(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which slots have a vector of the embedder that this directory was made for."""
        if not len(self.coded):
            return np.zeros(len(slots), dtype=bool)
        places = np.minimum(np.searchsorted(self.coded, slots), len(self.coded) - 1)
        return np.equal(self.coded[places], slots)

    def keys(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the units' keys in the database."""
        places = np.searchsorted(self.starts, slots, side="right") - 1
        return (self.numbers[places] << UNIT_BITS) + slots - self.starts[places]


def join(parts: Sequence[Directory]) -> Directory:
    """Return several scopes as one: statistics added up, so that a score means the same in each."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0, *(part.units for part in parts)])
    widths = {part.codes.shape[0] for part in parts if part.codes.size} or {0}
    coded = [part for part in parts if part.codes.size]
    return Directory(
        scope_ids=tuple(scope for part in parts for scope in part.scope_ids),
        units=int(offsets[-1]),
        length=sum(part.length for part in parts),
        numbers=np.concatenate([part.numbers for part in parts]),
        starts=np.concatenate([part.starts + offset for part, offset in zip(parts, offsets, strict=False)]),
        codes=np.concatenate([p.codes for p in coded], axis=1) if coded else np.zeros((max(widths), 0), np.uint64),
        coded=np.concatenate([part.coded + offset for part, offset in zip(parts, offsets, strict=False)]),
    )


class Directories:
    """The directories this process holds, by scope and embedder. Safe to share between threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._held: OrderedDict[tuple[int, str], tuple[int, Directory]] = OrderedDict()
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, scope: IndexScope, embedder: str) -> Directory:
        """Return the scope's directory as of `scope.version` or newer, with the codes that `embedder` made."""
        key = (scope.pk, embedder)
        with self._lock:
            held = self._held.get(key)
            if held and held[0] == scope.version:
                self._held.move_to_end(key)
                return held[1]
        made = read(scope, embedder)
        with self._lock:
            self._drop(key)
            self._held[key] = (scope.version, made)
            self._bytes += made.nbytes
            while self._bytes > self._max_bytes and len(self._held) > 1:
                self._drop(next(iter(self._held)))
        return made

    def _drop(self, key: tuple[int, str]) -> None:
        if held := self._held.pop(key, None):
            self._bytes -= held[1].nbytes


def read(scope: IndexScope, embedder: str) -> Directory:
    """Make a scope's directory from the database."""
    rows = list(
        IndexedDocument.objects.filter(scope_id=scope.pk, units__gt=0)
        .order_by("pk")
        .values_list("pk", "units", "length", "embedded", "embedder", "codes")
    )
    units = np.array([row[1] for row in rows], dtype=np.int64)
    starts = np.cumsum(units) - units
    coded = [(start, row[3], row[5]) for start, row in zip(starts, rows, strict=True) if row[3] and row[4] == embedder]
    embedded = sum(row[1] for row in coded)
    codes = np.frombuffer(b"".join(row[2] for row in coded), dtype="<u8")
    return Directory(
        scope_ids=(scope.pk,),
        units=int(units.sum()),
        length=sum(row[2] for row in rows),
        numbers=np.array([row[0] for row in rows], dtype=np.int64),
        starts=starts,
        codes=np.ascontiguousarray(codes.reshape(embedded, -1).T) if embedded else np.zeros((0, 0), np.uint64),
        coded=np.concatenate([np.zeros(0, np.int64), *(start + np.arange(count) for start, count, _ in coded)]),
    )
