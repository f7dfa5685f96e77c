"""What is weighed of a question and a passage, and of a question and its best passages. All of it is plain numbers.

Without an encoder the features that need one are 0; `model.json` has coefficients for either case.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from patchbay.kernel.search.contracts import WordEmbedder
from patchbay.lib.words import content_words
from patchbay.products.gateway.engine.contracts import Passage
from patchbay.products.gateway.providers.offline.question import Asked, holds_number, looks_like
from patchbay.products.gateway.providers.offline.similarity import align

PAIR = ("cosine", "coverage", "every", "content", "kind", "number")
"""Of a question and one passage."""
DECISION = (
    "best", "margin", "spread", "cosine", "coverage", "every", "content", "weakest", "unknown", "missing_names",
    "kind", "number", "words",
)  # fmt: skip
"""Of a question and its passages, best first."""
OTHERS = 9


@dataclass(slots=True)
class Judged:
    """A passage, its features by name, and the log-odds that it answers."""

    passage: Passage
    features: dict[str, float] = field(default_factory=dict)
    odds: float = 0.0


def judge(asked: Asked, passages: Sequence[Passage], embedder: WordEmbedder | None) -> list[Judged]:
    """Return every passage with its PAIR features, in order."""
    texts = [passage.context or passage.text for passage in passages]
    alignments = align(asked, texts, embedder) if embedder else None
    judged = []
    for place, (passage, text) in enumerate(zip(passages, texts, strict=True)):
        features = {
            "cosine": passage.cosine or 0.0,
            "coverage": _covered(asked, {*content_words(passage.title), *content_words(text)}),
            "every": alignments[place].every if alignments else 0.0,
            "content": alignments[place].content if alignments else 0.0,
            "weakest": alignments[place].weakest if alignments else 0.0,
            "kind": _kind(asked, passage.text),
            "number": _numbers(asked, text),
        }
        judged.append(Judged(passage, features))
    return judged


def decision_features(asked: Asked, ranked: Sequence[Judged]) -> dict[str, float]:
    """Return the DECISION features; `ranked` is best first and not empty."""
    best = ranked[0]
    others = [each.odds for each in ranked[1 : OTHERS + 1]] or [best.odds]
    top = ranked[:5]
    return {
        "best": best.odds,
        "margin": best.odds - others[0],
        "spread": best.odds - sum(others) / len(others),
        "cosine": max(each.features["cosine"] for each in top),
        "coverage": max(each.features["coverage"] for each in top),
        "every": max(each.features["every"] for each in top),
        "content": best.features["content"],
        "weakest": max(each.features["weakest"] for each in top),
        "unknown": sum(asked.weights[word] for word in asked.unknown) / asked.total,
        "missing_names": len(asked.names & asked.unknown) / len(asked.names) if asked.names else 0.0,
        "kind": best.features["kind"],
        "number": best.features["number"],
        "words": min(len(asked.weights), 12) / 12,
    }


def _covered(asked: Asked, words: set[str]) -> float:
    return sum(weight for word, weight in asked.weights.items() if word in words) / asked.total


def _kind(asked: Asked, text: str) -> float:
    """Say how far the text holds what is wanted; a half when nothing particular is."""
    if not asked.kinds:
        return 0.5
    return sum(looks_like(kind, text) for kind in asked.kinds) / len(asked.kinds)


def _numbers(asked: Asked, text: str) -> float:
    """Say what share of the question's numbers the text names or covers; a half when there is none."""
    if not asked.numbers:
        return 0.5
    return sum(holds_number(number, text) for number in asked.numbers) / len(asked.numbers)
