"""Word by word: how near the nearest word of a passage comes to each word of the question.

Late interaction as in Khattab & Zaharia, "ColBERT" (2020), on the local encoder's words out of context: measured, they
rank as well as words in context do and cost a look-up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from patchbay.kernel.search.contracts import WordEmbedder, WordVectors
from patchbay.lib.words import stem
from patchbay.products.gateway.providers.offline.question import Asked


@dataclass(frozen=True, slots=True)
class Alignment:
    """Mean similarity over all words of the question, over its content words by weight, and of the worst of these."""

    every: float
    content: float
    weakest: float


def align(asked: Asked, texts: Sequence[str], embedder: WordEmbedder) -> list[Alignment]:
    """Compare the question with each text."""
    question, *passages = embedder.embed_words([asked.text, *texts])
    return [compare(asked, question, passage) for passage in passages]


def compare(asked: Asked, question: WordVectors, passage: WordVectors) -> Alignment:
    """Compare the words of a question with those of a passage."""
    if not question.words or not passage.words:
        return Alignment(0.0, 0.0, 0.0)
    best = (question.vectors @ passage.vectors.T).max(axis=1).tolist()
    pairs = [(stem(word.lower()), max(0.0, near)) for word, near in zip(question.words, best, strict=True)]
    every = [near for word, near in pairs if word[:1].isalnum()]
    content = [(near, asked.weights[word]) for word, near in pairs if word in asked.weights]
    total = sum(weight for _, weight in content)
    return Alignment(
        every=sum(every) / len(every) if every else 0.0,
        content=sum(near * weight for near, weight in content) / total if total else 0.0,
        weakest=min((near for near, _ in content), default=0.0),
    )
