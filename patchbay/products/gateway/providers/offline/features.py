"""What is weighed of a question and a passage, and of a question and its best passages. All of it is plain numbers.

Without an encoder the features that need one are 0; `model.json` has coefficients for either case.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from patchbay.kernel.search.contracts import WordEmbedder
from patchbay.lib.words import content_words
from patchbay.products.gateway.engine.contracts import Passage
from patchbay.products.gateway.providers.offline.kinds import lacks_what_is_asked, looks_like
from patchbay.products.gateway.providers.offline.question import Asked, holds_number
from patchbay.products.gateway.providers.offline.similarity import Alignment, align

PAIR = ("cosine", "coverage", "every", "content", "kind", "number")
"""Of a question and one passage."""
DECISION = (
    "best", "margin", "spread", "cosine", "coverage", "content", "weakest", "unknown", "absent_names", "focus",
    "focus_gap", "kind", "number", "words",
)  # fmt: skip
"""Of a question and its passages, best first."""
OTHERS = 9
NEAR = 3


@dataclass(slots=True)
class Judged:
    """A passage, its features by name, and the log-odds that it answers."""

    passage: Passage
    features: dict[str, float] = field(default_factory=dict)
    odds: float = 0.0


def judge(asked: Asked, passages: Sequence[Passage], embedder: WordEmbedder | None) -> list[Judged]:
    """Return every passage with its PAIR features, in order."""
    texts = [f"{passage.title}\n{passage.context or passage.text}" for passage in passages]
    found = align(asked, texts, embedder) if embedder else [_align_by_words(asked, text) for text in texts]
    judged = []
    for passage, text, alignment in zip(passages, texts, found, strict=True):
        words = set(content_words(text))
        features = {
            "cosine": passage.cosine or 0.0,
            "coverage": _share(asked, frozenset(asked.weights), words),
            "every": alignment.every,
            "content": alignment.content,
            "weakest": min(alignment.nearest.values(), default=0.0),
            "focus": min((alignment.nearest.get(word, 0.0) for word in asked.focus), default=alignment.content),
            "absent_names": 1.0 - _share(asked, asked.names, words) if asked.names else 0.0,
            "kind": _kind(asked, passage.text),
            "number": _numbers(asked, text),
        }
        judged.append(Judged(passage, features))
    return judged


def decision_features(asked: Asked, ranked: Sequence[Judged]) -> dict[str, float]:
    """Return the DECISION features and `lacking`; `ranked` is best first and not empty."""
    best = ranked[0]
    others = [each.odds for each in ranked[1 : OTHERS + 1]] or [best.odds]
    top = ranked[:5]
    features = best.features
    return {
        "best": best.odds,
        "margin": best.odds - others[0],
        "spread": best.odds - sum(others) / len(others),
        "cosine": max(each.features["cosine"] for each in top),
        "coverage": features["coverage"],
        "content": features["content"],
        "weakest": features["weakest"],
        "unknown": sum(asked.weights[word] for word in asked.unknown) / asked.total,
        "absent_names": features["absent_names"],
        "focus": features["focus"],
        "focus_gap": features["content"] - features["focus"],
        "kind": features["kind"],
        "number": features["number"],
        "words": min(len(asked.weights), 12) / 12,
        "lacking": float(lacks_what_is_asked(asked.text, [each.passage.text for each in ranked[:NEAR]])),
    }


def _align_by_words(asked: Asked, text: str) -> Alignment:
    """Compare without an encoder: a word is there or it is not."""
    words = set(content_words(text))
    nearest = {word: float(word in words) for word in asked.weights}
    share = _share(asked, frozenset(asked.weights), words)
    return Alignment(share, share, nearest)


def _share(asked: Asked, wanted: frozenset[str], words: set[str]) -> float:
    """Return the share, by weight, of the wanted words that are among `words`."""
    total = sum(asked.weights.get(word, 0.0) for word in wanted)
    return sum(asked.weights.get(word, 0.0) for word in wanted & words) / total if total else 0.0


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
