"""Word by word: how near the nearest word of a passage comes to each word of the question.

Late interaction as in Khattab & Zaharia, "ColBERT" (2020), on the local encoder's words out of context: measured, they
rank as well as words in context do and cost a look-up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from patchbay.kernel.search.contracts import WordEmbedder, WordVectors
from patchbay.lib.words import stem
from patchbay.products.gateway.providers.offline.question import Asked


@dataclass(frozen=True, slots=True)
class Alignment:
    """Mean similarity over all words of the question, and over its content words by weight; `nearest` is each one's."""

    every: float = 0.0
    content: float = 0.0
    nearest: Mapping[str, float] = field(default_factory=dict)


def align(asked: Asked, texts: Sequence[str], embedder: WordEmbedder) -> list[Alignment]:
    """Compare the question with each text."""
    question, *passages = embedder.embed_words([asked.text, *texts])
    return [compare(asked, question, passage) for passage in passages]


def compare(asked: Asked, question: WordVectors, passage: WordVectors) -> Alignment:
    """Compare the words of a question with those of a passage."""
    if not question.words or not passage.words:
        return Alignment()
    best = (question.vectors @ passage.vectors.T).max(axis=1).tolist()
    pairs = [(stem(word.lower()), max(0.0, near)) for word, near in zip(question.words, best, strict=True)]
    every = [near for word, near in pairs if word[:1].isalnum()]
    nearest: dict[str, float] = {}
    for word, near in pairs:
        if word in asked.weights:
            nearest[word] = max(near, nearest.get(word, 0.0))
    total = sum(asked.weights[word] for word in nearest)
    return Alignment(
        every=sum(every) / len(every) if every else 0.0,
        content=sum(near * asked.weights[word] for word, near in nearest.items()) / total if total else 0.0,
        nearest=nearest,
    )
