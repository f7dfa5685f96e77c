"""What crosses the border of search: scopes, units, hits, and what an embedder must do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # numpy is imported on the first semantic question, not with the web server
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scope:
    """A wall around texts: one collection (a plug, a context) of one organisation. Nothing is found across it."""

    organisation_id: str
    collection: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A searchable piece of a document.

    `id` is the caller's and unique within the document's scope. `search_text` is what is indexed by keyword (it may
    add headings or aliases to the text); `text` is what is embedded.
    """

    id: str
    text: str
    search_text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One unit found, best first by `score` (reciprocal rank fusion).

    `bm25` and `bm25_rank` are None when no word matched, `cosine` and `vector_rank` when the unit has no vector (yet),
    the query was not embedded, or the unit is not among the nearest. Ranks start at 1; greater is better for the rest.
    `text` is what `index` was given to embed.
    """

    unit_id: str
    document_id: str
    scope: Scope
    score: float
    bm25: float | None
    bm25_rank: int | None
    cosine: float | None
    vector_rank: int | None
    text: str


@dataclass(frozen=True, slots=True)
class WordVectors:
    """The words of one text: `offsets[i]` is the span (code points) of word i, `vectors[i]` its unit vector in context.

    `vectors` is float32 of shape (words, dimensions). Words past the encoder's window are left out.
    """

    words: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...]
    vectors: Floats


class Embedder(Protocol):
    """Turns texts into vectors. `name` changes when the vectors do; vectors of different names are never compared."""

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors, float32 of shape (len(texts), dimensions), in the order of the texts."""
        ...


class WordEmbedder(Embedder, Protocol):
    """An embedder that also gives each word's vector in its context."""

    def embed_tokens(self, texts: Sequence[str]) -> list[WordVectors]:
        """Return the word vectors of each text, in order."""
        ...

    def embed_words(self, texts: Sequence[str]) -> list[WordVectors]:
        """Return the word vectors of each text as they are out of context, in order; cheap."""
        ...


@dataclass(frozen=True, slots=True)
class WordCounts:
    """In how many of a collection's `units` each word stands, in whatever form; 0 says that nothing there uses it."""

    units: int
    by_word: Mapping[str, int]
