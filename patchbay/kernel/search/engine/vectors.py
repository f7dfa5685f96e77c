"""Nearest vectors in two passes: sign bits in memory, then the exact vectors of the best from the database.

Sign bits (Charikar, "Similarity estimation techniques from rounding algorithms", 2002) order vectors by angle well
enough that the nearest are among the first few hundred; the exact cosine of those decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from patchbay.kernel.search.engine import sql
from patchbay.kernel.search.models import UnitVector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from patchbay.kernel.search.contracts import Floats
    from patchbay.kernel.search.engine.directory import Directory

CANDIDATES = 200  # benchmarks/search.py measures their recall against the exact scan
WIDE = 10


def encode(vectors: Floats) -> bytes:
    """Return the sign bits of each vector, padded to whole words of 64 bits, one vector after the other."""
    bits = np.packbits(vectors > 0, axis=1)
    padding = -bits.shape[1] % 8
    return np.pad(bits, ((0, 0), (0, padding))).tobytes()


def nearest(directory: Directory, query: Floats, count: int = CANDIDATES) -> NDArray[np.int64]:
    """Return the slots of about `count` units (or all, when there are no more) that are likely the nearest, unordered.

    First by signs that agree, then, among WIDE times as many, by the query's own numbers against the signs: on texts
    of an encoder that needs half the candidates for the same recall.
    """
    embedded = directory.codes.shape[1]
    if embedded <= count:
        return directory.coded
    code = np.frombuffer(encode(query[None, :]), dtype="<u8")
    distance = np.zeros(embedded, dtype=np.uint16)
    for word, row in zip(code, directory.codes, strict=True):
        distance += np.bitwise_count(row ^ word)
    within = np.cumsum(np.bincount(distance))
    wide = np.flatnonzero(distance <= np.searchsorted(within, min(count * WIDE, embedded)))
    packed = np.ascontiguousarray(directory.codes[:, wide].T).view(np.uint8)
    signs = np.unpackbits(packed, axis=1, count=len(query)).astype(np.float32)
    best = np.argpartition(-(signs @ query), count - 1)[:count]
    return directory.coded[wide[best]]


def cosines(keys: Sequence[int], query: Floats) -> dict[int, float]:
    """Return the exact cosine of each unit that has a vector like the query's, by key."""
    found = sql.read(UnitVector, "key, vector", key=keys)
    found = [row for row in found if len(row[1]) == query.nbytes]
    matrix = np.frombuffer(b"".join(row[1] for row in found), dtype="<f4").reshape(len(found), -1)
    return dict(zip((row[0] for row in found), (matrix @ query).tolist(), strict=True)) if found else {}
