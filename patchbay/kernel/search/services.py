"""Index, remove, embed and search. Every call names its scopes; nothing is read or ranked across them."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from django.db import connection, transaction
from django.db.models import F, Q

from patchbay.kernel.search.contracts import Hit, Scope, Unit, WordCounts
from patchbay.kernel.search.embedder import get_embedder
from patchbay.kernel.search.errors import TooManyUnitsError
from patchbay.kernel.search.models import MAX_UNITS, UNIT_BITS, IndexedDocument, IndexedUnit, IndexScope, UnitVector

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from patchbay.kernel.search.contracts import Embedder, Floats
    from patchbay.kernel.search.engine.directory import Directories, Directory
    from patchbay.kernel.search.engine.ranking import Ranked

logger = logging.getLogger(__name__)
MAX_QUERY_CHARACTERS = 4_000
MAX_WORDS = 32
EMBED_BATCH = 32  # a second of work or two: so long at most a new document waits for its turn
EMBED_SECONDS = 120.0
_follow_up: Callable[[Scope, str, bool], None] | None = None
_directories: Directories | None = None


def set_follow_up(enqueue: Callable[[Scope, str, bool], None] | None) -> None:
    """Let `enqueue(scope, document_id, begun)` be called, which should lead to `embed_document`.

    Inside `index`'s transaction, and for the rest of a document that was `begun`.
    """
    global _follow_up
    _follow_up = enqueue


def index(*, scope: Scope, document_id: str, units: Sequence[Unit]) -> None:
    """Replace the document's units, in the caller's transaction; keywords find them as soon as that commits.

    Raises TooManyUnitsError above 1,048,576 units.
    """
    from patchbay.kernel.search.engine import postings

    if len(units) > MAX_UNITS:
        raise TooManyUnitsError(f"{len(units):,} pieces; at most {MAX_UNITS:,} are searched.")
    inverted = postings.invert([unit.search_text for unit in units])  # before the lock: it is the slow part
    with transaction.atomic():
        row = _lock(scope, create=True)
        assert row is not None
        _delete(row, IndexedDocument.objects.filter(scope=row, document_id=document_id))
        document = IndexedDocument.objects.create(
            scope=row,
            document_id=document_id,
            units=len(units),
            length=inverted.length,
            terms=inverted.terms.tobytes(),
        )
        first = document.pk << UNIT_BITS
        _insert_units([(first + n, unit.id, _storable(unit.text)) for n, unit in enumerate(units)])
        postings.insert(row.pk, document.pk, inverted)
        _touch(row)
        if _follow_up and units:
            _follow_up(scope, document_id, False)


def remove(*, scope: Scope, document_id: str) -> None:
    """Take the document out, in the caller's transaction; nothing happens when it is not there."""
    with transaction.atomic():
        if row := _lock(scope):
            _delete(row, IndexedDocument.objects.filter(scope=row, document_id=document_id))


def remove_scope(*, scope: Scope) -> None:
    """Take a whole collection out, in the caller's transaction."""
    with transaction.atomic():
        if row := _lock(scope):
            _delete(row, IndexedDocument.objects.filter(scope=row))
            row.delete()


def search(
    *,
    scopes: Sequence[Scope],
    query: str,
    limit: int = 20,
    query_vector: Floats | Literal["auto"] | None = "auto",
) -> list[Hit]:
    """Return the best units of these scopes together, ranked as one collection; any text is a valid query.

    `query_vector` is a unit vector of the current embedder; "auto" embeds the query when there are vectors to compare
    it with; None searches by keyword alone.
    """
    from patchbay.kernel.search.engine import ranking, tokens
    from patchbay.kernel.search.engine.directory import join

    rows = {row.pk: row for row in _find(scopes)}
    if not rows or limit < 1:
        return []
    embedder = get_embedder() if query_vector is not None else None
    held = _held()
    directory = join([held.get(row, embedder.name if embedder else "") for row in rows.values()])
    if not len(directory.coded):
        query_vector = None
    elif isinstance(query_vector, str):
        query_vector = _embed_query(embedder, query)
    ranked = ranking.rank(directory, tokens.query_terms(query), query_vector, limit)
    return _hits(rows, ranked)


def count_words(*, scopes: Sequence[Scope], words: Sequence[str]) -> WordCounts:
    """Count the units of these scopes that hold each word (at most MAX_WORDS); words that are not indexed are left out.

    A word of several terms counts where its rarest one stands.
    """
    from patchbay.kernel.search.engine import postings, tokens

    terms = {word: tokens.query_terms(word) for word in list(dict.fromkeys(words))[:MAX_WORDS]}
    directory = find_directory(scopes)
    if directory is None:
        return WordCounts(0, {word: 0 for word, found in terms.items() if found})
    counts = postings.count(directory, [term for found in terms.values() for term in found])
    return WordCounts(
        directory.units, {word: min(counts.get(term, 0) for term in found) for word, found in terms.items() if found}
    )


def find_directory(scopes: Sequence[Scope]) -> Directory | None:
    """Return where the units of these scopes stand, for counting their words; None when nothing was indexed."""
    from patchbay.kernel.search.engine.directory import join

    rows = _find(scopes)
    held = _held()
    return join([held.get(row, "") for row in rows]) if rows else None


def embed_document(*, scope: Scope, document_id: str, seconds: float = EMBED_SECONDS) -> int:
    """Give the document's units their vectors, batch by batch; return how many were made.

    What is left after `seconds` is handed to the follow-up again, so that a long document lets others through.

    Safe to repeat and to run twice at once: each batch is kept only if the document is still the one it was read from
    and nobody else was faster. Runs outside a transaction, because it takes seconds.
    """
    embedder = get_embedder()
    made, end = 0, time.monotonic() + seconds
    while embedder is not None:
        document = IndexedDocument.objects.filter(scope__in=_find([scope]), document_id=document_id).first()
        done = document.embedded if document and document.embedder == embedder.name else 0
        if document is None or done >= document.units:
            break
        if made and time.monotonic() >= end:
            if _follow_up:
                _follow_up(scope, document_id, True)
            break
        first = document.pk << UNIT_BITS
        keys = range(first + done, first + min(done + EMBED_BATCH, document.units))
        texts = dict(IndexedUnit.objects.filter(key__in=keys).values_list("key", "text"))
        if len(texts) == len(keys):  # else it was replaced meanwhile: look again
            vectors = embedder.embed([texts[key] for key in keys])
            made += _keep(document, done, embedder.name, keys, vectors)
    return made


def list_unembedded(*, limit: int = 100) -> list[tuple[Scope, str]]:
    """Return documents that lack vectors of the current embedder, of all organisations: for the schedule alone."""
    embedder = get_embedder()
    if embedder is None:
        return []
    rows = IndexedDocument.objects.filter(Q(embedded__lt=F("units")) | ~Q(embedder=embedder.name), units__gt=0)
    found = rows.order_by("pk").values_list("scope__organisation_id", "scope__collection", "document_id")[:limit]
    return [(Scope(organisation_id, collection), document_id) for organisation_id, collection, document_id in found]


def list_keyword_only(*, scopes: Sequence[Scope]) -> frozenset[str]:
    """Return the documents of these scopes that only keywords find, because their vectors are not all made."""
    rows = IndexedDocument.objects.filter(scope__in=_find(scopes), embedded__lt=F("units"))
    return frozenset(rows.values_list("document_id", flat=True))


def _insert_units(rows: list[tuple[int, str, str]]) -> None:
    """Insert without an object for each: of a long document that is a tenth of the CPU of becoming findable."""
    table = connection.ops.quote_name(IndexedUnit._meta.db_table)
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} (key, unit_id, text) VALUES (%s, %s, %s)", rows)  # noqa: S608


def _storable(text: str) -> str:
    """Leave out what PostgreSQL or UTF-8 cannot hold; it would mean nothing to an embedder."""
    return text.encode("utf-8", "ignore").decode().replace("\0", "")


def _held() -> Directories:
    global _directories
    if _directories is None:
        from patchbay.kernel.search.engine.directory import Directories

        _directories = Directories()
    return _directories


def _find(scopes: Sequence[Scope]) -> list[IndexScope]:
    wanted = Q(pk__in=())
    for scope in scopes:
        wanted |= Q(organisation_id=scope.organisation_id, collection=scope.collection)
    return list(IndexScope.objects.filter(wanted).order_by("pk"))


def _lock(scope: Scope, *, create: bool = False) -> IndexScope | None:
    """Return the scope's row, locked: what changes in one scope changes one after the other."""
    if create:
        IndexScope.objects.get_or_create(organisation_id=scope.organisation_id, collection=scope.collection)
    rows = IndexScope.objects.select_for_update()
    return rows.filter(organisation_id=scope.organisation_id, collection=scope.collection).first()


def _touch(row: IndexScope) -> None:
    """Give the scope a version that no cache has seen."""
    IndexScope.objects.filter(pk=row.pk).update(version=secrets.randbits(62))


def _delete(row: IndexScope, documents: QuerySet[IndexedDocument]) -> None:
    import numpy as np

    from patchbay.kernel.search.engine import postings

    for document in list(documents.defer("codes")):
        postings.delete(row.pk, document.pk, np.frombuffer(document.terms, dtype=np.int64))
        keys = (document.pk << UNIT_BITS, (document.pk << UNIT_BITS) + MAX_UNITS - 1)
        UnitVector.objects.filter(key__range=keys).delete()
        IndexedUnit.objects.filter(key__range=keys).delete()
        IndexedDocument.objects.filter(pk=document.pk).delete()
        _touch(row)


def _keep(document: IndexedDocument, done: int, embedder: str, keys: range, vectors: Floats) -> int:
    """Write one batch of vectors; return how many, 0 when the document changed or another worker was faster."""
    from patchbay.kernel.search.engine.vectors import encode

    with transaction.atomic():
        row = IndexScope.objects.select_for_update().filter(pk=document.scope_id).first()
        now = IndexedDocument.objects.select_for_update().filter(pk=document.pk).first()
        if row is None or now is None or (now.embedded, now.embedder) != (document.embedded, document.embedder):
            return 0
        first = document.pk << UNIT_BITS
        UnitVector.objects.filter(key__range=(first + done, first + MAX_UNITS - 1)).delete()  # of another embedder
        UnitVector.objects.bulk_create(
            [UnitVector(key=key, vector=vector.tobytes()) for key, vector in zip(keys, vectors, strict=True)]
        )
        now.codes = (bytes(now.codes) if done else b"") + encode(vectors)
        now.embedded, now.embedder = done + len(keys), embedder
        now.save(update_fields=["codes", "embedded", "embedder"])
        _touch(row)
    return len(keys)


def _embed_query(embedder: Embedder | None, query: str) -> Floats | None:
    """Return the query's vector; None when the embedder fails, because keywords still answer."""
    if embedder is None or not query.strip():
        return None
    try:
        vector: Floats = embedder.embed([query[:MAX_QUERY_CHARACTERS]])[0]
    except Exception:
        logger.exception("search.embed_query_failed")
        return None
    return vector


def _hits(rows: dict[int, IndexScope], ranked: Sequence[Ranked]) -> list[Hit]:
    """Turn ranked keys into hits; what was removed since it was ranked is left out."""
    numbers = {r.key >> UNIT_BITS for r in ranked}
    stored = IndexedUnit.objects.filter(key__in=[r.key for r in ranked]).values_list("key", "unit_id", "text")
    units = {key: (unit_id, text) for key, unit_id, text in stored}
    documents = IndexedDocument.objects.filter(pk__in=numbers, scope__in=rows).values_list("pk", "scope", "document_id")
    names = {number: (rows[scope], document_id) for number, scope, document_id in documents}
    hits = []
    for found in ranked:
        if found.key in units and found.key >> UNIT_BITS in names:
            (unit_id, text), (row, document_id) = units[found.key], names[found.key >> UNIT_BITS]
            hits.append(
                Hit(
                    unit_id=unit_id,
                    document_id=document_id,
                    scope=Scope(row.organisation_id, row.collection),
                    score=found.score,
                    bm25=found.bm25,
                    bm25_rank=found.bm25_rank,
                    cosine=found.cosine,
                    vector_rank=found.vector_rank,
                    text=text,
                )
            )
    return hits
