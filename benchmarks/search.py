"""Hybrid search beside its bare parts: one FTS5 table and one numpy scan of the same texts and vectors.

`python -m benchmarks.search [--chunks 50000] [--growth]`

The chunks belong to one organisation; a fifth as many of another's stand in the same database. Words follow Zipf's
law, vectors lie in clusters of few inner dimensions, as those of real encoders do. The bare parts keep one tenant,
check nothing, fuse nothing and hold all vectors in memory. Embedding the question is left out on both sides.
`--growth` also measures ten times the chunks (some minutes).
"""

import argparse
import itertools
import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np

DOCUMENT = 400  # chunks of a document: some 200 pages
WORDS = 90
VOCABULARY = 30_000
QUERIES = 200
LIMIT = 20


@dataclass(frozen=True)
class Corpus:
    """Texts and unit vectors of one organisation, and questions (words, vector) about them."""

    texts: list[str]
    vectors: np.ndarray
    queries: list[tuple[str, np.ndarray]]


class GivenVectors:
    """An embedder that knows each text's vector beforehand: a unit's text is its row."""

    name = "given"
    dimensions = 384

    def __init__(self) -> None:
        self.vectors = np.zeros((0, 384), dtype=np.float32)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return self.vectors[[int(text) for text in texts]]


def make_corpus(chunks: int, seed: int) -> Corpus:
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    words = ["".join(rng.choices("bcdfglmnprst", k=2) + rng.choices("aeiou", k=2) + rng.choices("klmnrstz", k=4))
             for _ in range(VOCABULARY)]  # fmt: skip
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(VOCABULARY)))
    texts = [" ".join(rng.choices(words, cum_weights=weights, k=WORDS)) for _ in range(chunks)]
    vectors, near = make_vectors(numbers, chunks)
    common = set(words[:50])  # what a question would have as its stop words
    queries = []
    for row, vector in near:
        said = [word for word in texts[row].split() if word not in common]
        queries.append((" ".join(rng.sample(said, 8)), vector))
    return Corpus(texts, vectors, queries)


def make_vectors(numbers: np.random.Generator, chunks: int) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """Return clustered unit vectors, and for each query a row and a vector near that row's (cosine about 0.8)."""
    inner, clusters = 48, 300
    basis = numbers.standard_normal((inner, 384)).astype(np.float32)
    centres = numbers.standard_normal((clusters, inner)).astype(np.float32) * 1.2
    latent = centres[numbers.integers(0, clusters, chunks)] + numbers.standard_normal((chunks, inner), dtype=np.float32)
    vectors = latent @ basis + numbers.standard_normal((chunks, 384), dtype=np.float32) * 2
    rows = numbers.integers(0, chunks, QUERIES)
    asked = (latent[rows] + numbers.standard_normal((QUERIES, inner)).astype(np.float32) * 0.9) @ basis
    asked += numbers.standard_normal((QUERIES, 384)).astype(np.float32) * 2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    return vectors, list(zip(rows.tolist(), asked, strict=True))


def p50_ms(call: Callable[[str, np.ndarray], Any], queries: Sequence[tuple[str, np.ndarray]]) -> float:
    for words, vector in queries[:10]:
        call(words, vector)
    taken = []
    for words, vector in queries:
        start = time.perf_counter()
        call(words, vector)
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken)


def bare_parts(corpus: Corpus, path: Path) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return a bare FTS5 query and a bare numpy scan over the corpus."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE VIRTUAL TABLE bare USING fts5(text, tokenize='porter unicode61 remove_diacritics 2')")
    connection.executemany("INSERT INTO bare (text) VALUES (?)", ((text,) for text in corpus.texts))
    connection.execute("INSERT INTO bare (bare) VALUES ('optimize')")
    connection.commit()

    def fts5(words: str, _: np.ndarray) -> list[Any]:
        match = " OR ".join(f'"{word}"' for word in words.split())
        query = "SELECT rowid, rank FROM bare WHERE bare MATCH ? ORDER BY rank LIMIT ?"
        return connection.execute(query, (match, LIMIT)).fetchall()

    def scan(_: str, vector: np.ndarray) -> np.ndarray:
        scores = corpus.vectors @ vector
        best = np.argpartition(-scores, LIMIT)[:LIMIT]
        return best[np.argsort(-scores[best])]

    return fts5, scan


def fill(corpus: Corpus, scope: Any, embedder: GivenVectors) -> float:
    """Index and embed the corpus through the services; return the seconds that took."""
    from patchbay.kernel.search import services
    from patchbay.kernel.search.contracts import Unit

    embedder.vectors = corpus.vectors
    start = time.perf_counter()
    for first in range(0, len(corpus.texts), DOCUMENT):
        rows = range(first, min(first + DOCUMENT, len(corpus.texts)))
        units = [Unit(str(row), str(row), corpus.texts[row]) for row in rows]
        services.index(scope=scope, document_id=f"doc_{first}", units=units)
        services.embed_document(scope=scope, document_id=f"doc_{first}")
    return time.perf_counter() - start


def recall_at_10(corpus: Corpus, scope: Any) -> float:
    """Return how many of the exact ten nearest are among the first ten by vector."""
    from patchbay.kernel.search import services

    found = 0
    for _, vector in corpus.queries:
        exact = set(np.argsort(-(corpus.vectors @ vector))[:10].tolist())
        hits = services.search(scopes=[scope], query="", limit=10, query_vector=vector)
        found += len(exact & {int(hit.unit_id) for hit in hits})
    return found / (10 * len(corpus.queries))


def measure(chunks: int, folder: Path) -> dict[str, float]:
    from patchbay.kernel.search import embedder, services
    from patchbay.kernel.search.contracts import Scope

    given = GivenVectors()
    embedder.set_provider(lambda: given)
    corpus, scope = make_corpus(chunks, seed=chunks), Scope("org_measured", f"plug_{chunks}")
    fill(make_corpus(chunks // 5, seed=chunks + 1), Scope("org_other", f"plug_{chunks}"), given)
    seconds = fill(corpus, scope, given)
    fts5, scan = bare_parts(corpus, folder / f"bare-{chunks}.sqlite3")
    figures = {
        "fts5_ms": p50_ms(fts5, corpus.queries),
        "scan_ms": p50_ms(scan, corpus.queries),
        "hybrid_ms": p50_ms(
            lambda words, vector: services.search(scopes=[scope], query=words, limit=LIMIT, query_vector=vector),
            corpus.queries,
        ),
        "keyword_ms": p50_ms(
            lambda words, _: services.search(scopes=[scope], query=words, limit=LIMIT, query_vector=None),
            corpus.queries,
        ),
        "recall_at_10": recall_at_10(corpus, scope),
        "index_chunks_per_s": chunks / seconds,
    }
    figures["over_bare"] = figures["hybrid_ms"] / (figures["fts5_ms"] + figures["scan_ms"])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="Hybrid search over the bare FTS5 query and the bare numpy scan.")
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--growth", action="store_true", help="also measure ten times the chunks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="patchbay-bench-") as name:
        os.environ |= {"PATCHBAY_DATA_DIR": name, "DJANGO_SETTINGS_MODULE": "patchbay.config.settings"}
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", "search", verbosity=0)
        from patchbay.kernel.search import services

        services.set_follow_up(None)  # the vectors are made here, not by a job
        figures = measure(options.chunks, Path(name))
        if options.growth:
            large = measure(options.chunks * 10, Path(name))
            figures |= {f"{key}_x10": value for key, value in large.items()}
            figures["growth_500k_over_50k"] = large["hybrid_ms"] / figures["hybrid_ms"]
    for key, value in figures.items():
        print(f"{key:24} {value:12.3f}")
    print(json.dumps({"bench": "bench-search", "figures": {key: round(value, 4) for key, value in figures.items()}}))


if __name__ == "__main__":
    main()
