"""Keyword search: postings in the database, BM25 from the statistics of the scopes searched and no others'.

BM25 as in Robertson & Zaragoza, "The Probabilistic Relevance Framework" (2009), with the idf that is never negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import connection

from patchbay.kernel.search.engine import sql
from patchbay.kernel.search.engine.tokens import index_terms
from patchbay.kernel.search.models import Posting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from patchbay.kernel.search.engine.directory import Directory

K1, B = 1.2, 0.75
RECORD = np.dtype([("unit", "<u4"), ("frequency", "<u2"), ("length", "<u2")])
MOST = np.iinfo(np.uint16).max
DELETE_TERMS = 500  # a statement; below every database's bound on parameters


@dataclass(frozen=True, slots=True)
class Inverted:
    """A document turned inside out: `records[i]` says where `terms[i]` stands; `length` counts its words."""

    terms: NDArray[np.int64]
    records: list[bytes]
    length: int


def invert(texts: Sequence[str]) -> Inverted:
    """Return the postings of a document whose units have these texts."""
    by_unit = [index_terms(text) for text in texts]
    lengths = np.fromiter(map(len, by_unit), dtype=np.int64, count=len(by_unit))
    total = int(lengths.sum())
    terms = np.fromiter(chain.from_iterable(by_unit), dtype=np.int64, count=total)
    units = np.repeat(np.arange(len(by_unit), dtype=np.int64), lengths)
    order = np.argsort(terms, kind="stable")  # the units are in order already
    terms, units = terms[order], units[order]
    first = np.flatnonzero(np.diff(terms, prepend=0).astype(bool) | np.diff(units, prepend=-1).astype(bool))
    records = np.empty(len(first), dtype=RECORD)
    records["unit"] = units[first]
    records["frequency"] = np.minimum(np.diff(first, append=total), MOST)
    records["length"] = np.minimum(lengths[units[first]], MOST)
    distinct, starts = np.unique(terms[first], return_index=True)
    ends = np.append(starts[1:], len(records))[: len(starts)].tolist()
    raw = records.tobytes()
    size = RECORD.itemsize
    cut = [raw[start * size : end * size] for start, end in zip(starts.tolist(), ends, strict=True)]
    return Inverted(distinct, cut, total)


def insert(scope_id: int, document_number: int, inverted: Inverted) -> None:
    """Write a document's postings, in the caller's transaction."""
    table = connection.ops.quote_name(Posting._meta.db_table)
    head = f"INSERT INTO {table} (scope_id, document_number, term, units) "
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            values = "SELECT %s, %s, * FROM unnest(%s::bigint[], %s::bytea[])"
            cursor.execute(head + values, [scope_id, document_number, inverted.terms.tolist(), inverted.records])
        else:
            rows = zip(
                repeat(scope_id), repeat(document_number), inverted.terms.tolist(), inverted.records, strict=False
            )
            cursor.executemany(head + "VALUES (%s, %s, %s, %s)", list(rows))


def delete(scope_id: int, document_number: int, terms: NDArray[np.int64]) -> None:
    """Remove a document's postings, in the caller's transaction."""
    for start in range(0, len(terms), DELETE_TERMS):
        some = terms[start : start + DELETE_TERMS].tolist()
        Posting.objects.filter(scope_id=scope_id, term__in=some, document_number=document_number).delete()


def score(directory: Directory, terms: Sequence[int]) -> NDArray[np.float64]:
    """Return the BM25 score of every slot of the directory for the terms; 0 where none of them stands."""
    rows = _read(directory.scope_ids, terms)
    if not rows:
        return np.zeros(directory.units, dtype=np.float64)
    places = {term: place for place, term in enumerate(terms)}
    of_term = np.fromiter((places[row[0]] for row in rows), dtype=np.int64, count=len(rows))
    bases = directory.bases(np.fromiter((row[1] for row in rows), dtype=np.int64, count=len(rows)))
    counts = np.fromiter((len(row[2]) for row in rows), dtype=np.int64, count=len(rows)) // RECORD.itemsize
    records = np.frombuffer(b"".join(row[2] for row in rows), dtype=RECORD)
    # A document that was replaced between two reads has no base: its postings are left out, never misplaced.
    known = np.repeat(bases >= 0, counts)
    slots = (np.repeat(bases, counts) + records["unit"])[known]
    frequency = records["frequency"][known].astype(np.float64)
    length = records["length"][known] / max(directory.length / max(directory.units, 1), 1.0)
    of_record = np.repeat(of_term, counts)[known]
    found = np.bincount(of_record, minlength=len(terms))
    idf = np.log1p((np.maximum(directory.units - found, 0) + 0.5) / (found + 0.5))
    weights = idf[of_record] * frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * length))
    scores = np.bincount(slots, weights=weights, minlength=directory.units)
    return scores.astype(np.float64, copy=False)


def count(directory: Directory, terms: Sequence[int]) -> dict[int, int]:
    """Return in how many units of the directory each term stands; terms that stand nowhere are left out."""
    counts: dict[int, int] = {}
    for term, _, units in _read(directory.scope_ids, list(dict.fromkeys(terms))):
        counts[term] = counts.get(term, 0) + len(units) // RECORD.itemsize
    return counts


def _read(scope_ids: Sequence[int], terms: Sequence[int]) -> list[tuple[Any, ...]]:
    """Return (term, document number, records) of these scopes alone."""
    if not terms or not scope_ids:
        return []
    return sql.read(Posting, "term, document_number, units", scope_id=scope_ids, term=terms)
