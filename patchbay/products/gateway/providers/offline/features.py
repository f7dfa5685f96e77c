"""What is weighed of a question and a passage, and of a question and its best passages. All of it is plain numbers.

Without an encoder the features that need one are 0; `model.json` has coefficients for either case.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from patchbay.kernel.search.contracts import WordEmbedder
from patchbay.lib.words import content_words
from patchbay.products.gateway.engine.contracts import Passage
from patchbay.products.gateway.providers.offline.counting import holds_count
from patchbay.products.gateway.providers.offline.kinds import lacks_kind, lacks_what_is_asked, looks_like
from patchbay.products.gateway.providers.offline.question import Asked, holds_number
from patchbay.products.gateway.providers.offline.similarity import Alignment, align

PAIR = ("cosine", "coverage", "every", "content", "kind", "number")
"""Of a question and one passage."""
DECISION = (
    "odds", "margin", "cosine", "coverage", "content", "focus", "unfocused", "focus_unknown", "unknown", "words",
    "kind", "counted", "lacking",
)  # fmt: skip
"""Of a question and its passages, best first."""
NEAR = 3
"""Passages among which what is asked should stand."""
WIDER = 5
LITERAL = 0.999
"""Coverage of the best passage from which on it holds every word that is asked for."""


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
            "focus": min((alignment.nearest.get(word, 0.0) for word in asked.focus), default=alignment.content),
            "absent_names": 1.0 - _share(asked, asked.names, words) if asked.names else 0.0,
            "kind": _kind(asked, passage.text),
            "number": _numbers(asked, text),
        }
        judged.append(Judged(passage, features))
    return judged


def decision_features(asked: Asked, ranked: Sequence[Judged]) -> dict[str, float]:
    """Return the DECISION features, `literal` and `impossible`; `ranked` is best first and not empty.

    `literal`: the best passage holds every word and name. `impossible`: none of the nearest can hold what is asked.
    """
    best, near = ranked[0], ranked[:NEAR]
    texts = [each.passage.text for each in near]
    own = {name: best.features[name] for name in ("content", "focus", "kind")}
    return own | {
        "odds": best.odds,
        "margin": best.odds - ranked[1].odds if len(ranked) > 1 else 0.0,
        "cosine": max(each.features["cosine"] for each in ranked[:WIDER]),
        "coverage": max(each.features["coverage"] for each in near),
        "unfocused": float(not asked.focus),
        "focus_unknown": len(asked.focus & asked.unknown) / max(len(asked.focus), 1),
        "unknown": min(len(asked.unknown), 4) / 4,
        "words": min(len(asked.weights), 12) / 12,
        "counted": float(any(holds_count(asked.counted, text) for text in texts)) if asked.counted else 0.5,
        "lacking": float(lacks_kind(asked.text, texts)),
        "literal": float(best.features["coverage"] >= LITERAL and best.features["absent_names"] == 0),
        "impossible": float(lacks_what_is_asked(asked.text, texts)),
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
