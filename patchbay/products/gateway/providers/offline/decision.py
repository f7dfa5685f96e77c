"""Which passages answer, and whether any does: two small fitted models, their coefficients in `model.json`.

The first is linear. The second is quadratic, because signals weigh differently in company: a word that no unit holds
says less of a long question than of a short one. `benchmarks/fit_decision.py` fits both on questions that are kept
apart from those that measure.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import mul
from pathlib import Path
from typing import Literal

from patchbay.products.gateway.providers.offline.features import DECISION, PAIR, Judged

MIN_NEARNESS = 0.3
"""Cosine or coverage of the best passages below which nothing was found, whatever the fit makes of the rest."""
WIDEST = 3.0
"""Standard deviations beyond which a feature says no more."""
SURE = 0.9
"""Chance, given that one of the passages found answers, that it is among the likely ones."""
MAX_LIKELY = 8
Outcome = Literal["answered", "uncertain", "declined"]
MODEL = Path(__file__).with_name("model.json")


@dataclass(frozen=True, slots=True)
class Model:
    """Coefficients; an answer needs `answer_from` (a probability), an uncertain one `uncertain_from`.

    `pair` is by PAIR feature. `centre` and `scale` make a DECISION feature standard; `slopes` holds its own coefficient
    first, then those of its products with itself and with each feature after it.
    """

    pair: Mapping[str, float]
    centre: Mapping[str, float]
    scale: Mapping[str, float]
    slopes: Mapping[str, Sequence[float]]
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
        values = [_clip((features[name] - self.centre[name]) / self.scale[name], WIDEST) for name in DECISION]
        odds = self.intercept
        for at, name in enumerate(DECISION):
            own, *products = self.slopes[name]
            odds += values[at] * (own + sum(map(mul, products, values[at:])))
        return 1.0 / (1.0 + math.exp(-_clip(odds, 60.0)))

    def decide(self, features: Mapping[str, float]) -> Outcome:
        """Return the outcome for a question with these features."""
        if max(features["cosine"], features["coverage"]) < MIN_NEARNESS:
            return "declined"
        probability = self.probability(features)
        # The fit knows few plain questions; one whose every word stands in one passage is plain.
        if features["literal"] or probability >= self.answer_from:
            return "uncertain" if features["impossible"] else "answered"
        return "uncertain" if probability >= self.uncertain_from else "declined"


def take_likely(ranked: Sequence[Judged]) -> Sequence[Judged]:
    """Return the first passages, at most MAX_LIKELY, among which the answer is with a chance of SURE.

    The odds were fitted as a softmax over the passages: a clear winner stands alone, close ones together.
    """
    chances = [math.exp(each.odds - ranked[0].odds) for each in ranked]
    wanted, reached, count = SURE * sum(chances), 0.0, 0
    while count < min(MAX_LIKELY, len(ranked)) and reached < wanted:
        reached += chances[count]
        count += 1
    return ranked[:count]


def _clip(value: float, bound: float) -> float:
    return max(-bound, min(bound, value))


@cache
def load_model(kind: Literal["semantic", "lexical"]) -> Model:
    """Return the model for passages with vectors, or for those found by keyword alone."""
    return Model(**json.loads(MODEL.read_text(encoding="utf-8"))[kind])
