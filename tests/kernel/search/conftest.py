"""A small embedder: words that mean the same share a direction. Deterministic, on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import pytest

from patchbay.kernel.search import embedder

if TYPE_CHECKING:
    from patchbay.kernel.search.contracts import Floats

MEANINGS = {"quit": "terminate", "termination": "terminate", "fee": "price", "costs": "price"}


class SmallEmbedder:
    """Adds one random direction for each word's meaning; remembers what it was asked."""

    dimensions = 64

    def __init__(self, name: str = "small") -> None:
        self.name = name
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Floats:
        self.asked.extend(texts)
        vectors = np.array([sum(map(self._direction, text.lower().split()), np.zeros(64)) for text in texts])
        vectors = vectors.reshape(len(texts), 64) + 1e-9
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def _direction(self, word: str) -> np.ndarray:
        seed = blake2b((self.name + MEANINGS.get(word, word)).encode(), digest_size=8).digest()
        return np.random.default_rng(int.from_bytes(seed, "little")).standard_normal(64)


@pytest.fixture
def small() -> Iterator[SmallEmbedder]:
    found = SmallEmbedder()
    embedder.set_provider(lambda: found)
    yield found
    embedder.set_provider(None)


@pytest.fixture
def no_embedder() -> Iterator[None]:
    embedder.set_provider(lambda: None)
    yield
    embedder.set_provider(None)
