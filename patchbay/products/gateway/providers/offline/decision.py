"""Which passage answers, and whether any does: two small fitted models, their coefficients in `model.json`.

`benchmarks/fit_decision.py` fits them on questions that are kept apart from those that measure.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from patchbay.products.gateway.providers.offline.features import DECISION, PAIR, Judged

MIN_NEARNESS = 0.3
"""Cosine or coverage of the best passage below which nothing was found, whatever the fitted model makes of the rest."""
LITERAL = 0.999
"""Coverage of the best passage from which on it holds every word that is asked for."""
Outcome = Literal["answered", "uncertain", "declined"]
MODEL = Path(__file__).with_name("model.json")


@dataclass(frozen=True, slots=True)
class Model:
    """Coefficients by feature; an answer needs `answer_from` (a probability), an uncertain one `uncertain_from`."""

    pair: Mapping[str, float]
    decision: Mapping[str, float]
    intercept: float
    answer_from: float
    uncertain_from: float

    def rank(self, judged: list[Judged]) -> list[Judged]:
        """Give every passage its odds; return them best first, the earlier first among equals."""
        for each in judged:
            each.odds = sum(self.pair[name] * each.features[name] for name in PAIR)
        return sorted(judged, key=lambda each: (-each.odds, each.passage.number))

    def probability(self, features: Mapping[str, float]) -> float:
        """Return how likely the best passages answer the question."""
        odds = self.intercept + sum(self.decision[name] * features[name] for name in DECISION)
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, odds))))

    def decide(self, features: Mapping[str, float]) -> Outcome:
        """Return the outcome for a question with these features."""
        if max(features["cosine"], features["coverage"]) < MIN_NEARNESS:
            return "declined"
        probability = self.probability(features)
        # The fit knows few plain questions; one whose every word stands in one passage is plain.
        plain = features["coverage"] >= LITERAL and features["absent_names"] == 0
        if plain or probability >= self.answer_from:
            return "uncertain" if features["lacking"] else "answered"
        return "uncertain" if probability >= self.uncertain_from else "declined"


@cache
def load_model(kind: Literal["semantic", "lexical"]) -> Model:
    """Return the model for passages with vectors, or for those found by keyword alone."""
    return Model(**json.loads(MODEL.read_text(encoding="utf-8"))[kind])
