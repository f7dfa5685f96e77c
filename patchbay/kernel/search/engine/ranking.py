"""Hybrid ranking: keyword and vector lists fused by reciprocal rank.

Cormack, Clarke & Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods" (2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from patchbay.kernel.search.engine import postings, vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from patchbay.kernel.search.contracts import Floats
    from patchbay.kernel.search.engine.directory import Directory

RRF_K = 60
DEPTH = 100  # how far down each list a unit still counts; never less than what is asked for


@dataclass(frozen=True, slots=True)
class Ranked:
    """One unit found: its key and the numbers of a `contracts.Hit`."""

    key: int
    score: float
    bm25: float | None
    bm25_rank: int | None
    cosine: float | None
    vector_rank: int | None


def rank(directory: Directory, terms: Sequence[int], query: Floats | None, limit: int) -> list[Ranked]:
    """Return the best units, at most `limit`; ties go to the unit that stands first."""
    depth = max(DEPTH, limit)
    scores = postings.score(directory, terms)
    by_word = _best(scores, depth)
    near = vectors.nearest(directory, query) if query is not None else np.zeros(0, dtype=np.int64)
    slots = np.union1d(by_word, near)
    keys = dict(zip(slots.tolist(), directory.keys(slots).tolist(), strict=True))
    cosine: dict[int, float] = {}
    if query is not None:
        with_vector = slots[directory.is_coded(slots)].tolist()
        found = vectors.cosines([keys[slot] for slot in with_vector], query)
        cosine = {slot: found[keys[slot]] for slot in with_vector if keys[slot] in found}
    word_rank = {slot: place for place, slot in enumerate(by_word.tolist(), 1)}
    by_vector = sorted(cosine, key=lambda slot: (-cosine[slot], slot))[:depth]
    vector_rank = {slot: place for place, slot in enumerate(by_vector, 1)}
    fused = {
        slot: sum(1 / (RRF_K + ranks[slot]) for ranks in (word_rank, vector_rank) if slot in ranks)
        for slot in word_rank | vector_rank
    }
    return [
        Ranked(
            key=keys[slot],
            score=fused[slot],
            bm25=float(scores[slot]) or None,
            bm25_rank=word_rank.get(slot),
            cosine=cosine.get(slot),
            vector_rank=vector_rank.get(slot),
        )
        for slot in sorted(fused, key=lambda slot: (-fused[slot], slot))[:limit]
    ]


def _best(scores: NDArray[np.float64], depth: int) -> NDArray[np.int64]:
    """Return the slots of the `depth` highest scores above 0, best first, the earlier slot first among equals."""
    found = np.flatnonzero(scores)
    if len(found) > depth:
        bound = np.partition(scores[found], len(found) - depth)[len(found) - depth]
        found = found[scores[found] >= bound]
    return found[np.lexsort((found, -scores[found]))][:depth]
