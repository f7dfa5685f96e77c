"""Fit the offline model's coefficients (`model.json`); the held questions are never read.

    python -m benchmarks.fit_decision [--write]

Two models: which passage answers (softmax over the passages of a question), and whether any does (quadratic logistic
regression with an L2 penalty). The unanswerable questions are the set's own and, for every answerable one, the same
question with all passages taken away that answer it. The `train` files count for less: most of what they hold is
harder than what people ask. Prints figures cross-validated by document (a model is never measured on a document that
it was fitted on), of all questions but those of the `train` files; `--write` keeps the coefficients.
"""

import argparse
import json
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from benchmarks.harness.questions import Item, Library
from patchbay.kernel.search.contracts import WordEmbedder
from patchbay.products.gateway.engine.contracts import Evidence
from patchbay.products.gateway.providers.offline.decision import MODEL, WIDEST, Model, take_likely
from patchbay.products.gateway.providers.offline.features import DECISION, PAIR, Judged, decision_features, judge
from patchbay.products.gateway.providers.offline.question import Asked, take_apart

FOLDS = 9
PAIR_PENALTY = 0.02
DECISION_PENALTY = 330.0
TRAIN_WEIGHT = 0.3
TAKEN_AWAY_WEIGHT = 0.15
"""Of a question whose answer was taken away, beside one that people wrote: there are many, and of one kind."""
ANSWERS_DECLINED = 0.02
"""Share of answerable questions that caution may decline."""
Kind = Literal["semantic", "lexical"]


@dataclass(slots=True)
class Case:
    """A question with judged passages; `gold` holds the numbers of those that answer it."""

    item: Item
    asked: Asked
    judged: list[Judged]
    gold: frozenset[int]

    @property
    def hard(self) -> bool:
        return self.item.split == "train" and self.item.field != "licences"

    @property
    def weight(self) -> float:
        return TRAIN_WEIGHT if self.hard else 1.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a model made of a question on a document it had not seen; `right` says whether an answer would be."""

    case: Case
    chance: float
    right: bool


def case_of(library: Library, item: Item, kind: Kind) -> Case | None:
    """Return an item's case; None where nothing was found."""
    evidence, gold = library.evidence(item, semantic=kind == "semantic")
    embedder = library.embedder if kind == "semantic" else None
    return make_case(item, evidence, gold, embedder) if evidence.passages else None


def make_case(item: Item, evidence: Evidence, gold: frozenset[int], embedder: WordEmbedder | None) -> Case:
    asked = take_apart(evidence.question, evidence.units, evidence.word_counts)
    return Case(item, asked, judge(asked, evidence.passages, embedder), gold)


def fit_pair(cases: list[Case]) -> dict[str, float]:
    """Maximise the chance that the softmax gives the answering passages together, by gradient ascent."""
    cases = [case for case in cases if case.gold]
    size = max(len(case.judged) for case in cases)
    rows = np.zeros((len(cases), size, len(PAIR)))
    there, hits = np.zeros((2, len(cases), size), dtype=bool)
    for at, case in enumerate(cases):
        count = len(case.judged)
        rows[at, :count] = [[each.features[name] for name in PAIR] for each in case.judged]
        there[at, :count] = True
        hits[at, :count] = [each.passage.number in case.gold for each in case.judged]
    scale = rows[there].std(axis=0) + 1e-9
    rows = (rows - rows[there].mean(axis=0)) / scale
    slopes = np.zeros(len(PAIR))
    for _ in range(600):
        odds = np.where(there, rows @ slopes, -np.inf)
        chances = np.exp(odds - odds.max(axis=1, keepdims=True))
        wanted = chances * hits / (chances * hits).sum(axis=1, keepdims=True)
        chances /= chances.sum(axis=1, keepdims=True)
        gradient = np.einsum("np,npf->f", wanted - chances, rows) / len(cases) - PAIR_PENALTY * slopes
        slopes += 0.3 * gradient
    return dict(zip(PAIR, (slopes / scale).tolist(), strict=True))


def decision_rows(model: Model, cases: list[Case]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return DECISION features, whether an answer would be right, and weights; answerable ones also without it."""
    found: list[tuple[dict[str, float], bool, float]] = []
    for case in cases:
        ranked = model.rank(case.judged)
        right = is_right(case, ranked)
        if right or not case.item.answerable:
            found.append((decision_features(case.asked, ranked), right, case.weight))
        rest = [each for each in ranked if each.passage.number not in case.gold]
        if case.gold and rest:
            found.append((decision_features(case.asked, rest), False, case.weight * TAKEN_AWAY_WEIGHT))
    rows = np.array([[features[name] for name in DECISION] for features, _, _ in found])
    return rows, np.array([float(right) for _, right, _ in found]), np.array([weight for _, _, weight in found])


def is_right(case: Case, ranked: list[Judged]) -> bool:
    """Say whether what an answer would quote answers."""
    return any(each.passage.number in case.gold for each in take_likely(ranked))


def fit_decision(rows: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    """Logistic regression by Newton's method on the features and their products, both classes weighing the same."""
    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)  # without vectors every cosine is 0
    matrix = _with_products(np.clip((rows - centre) / scale, -WIDEST, WIDEST))
    weights = np.where(wanted > 0, weights / weights[wanted > 0].sum(), weights / weights[wanted == 0].sum())
    weights *= len(rows) / weights.sum()
    penalty = np.diag([DECISION_PENALTY] * (matrix.shape[1] - 1) + [1e-6])
    slopes = np.zeros(matrix.shape[1])
    for _ in range(30):
        chances = 1 / (1 + np.exp(-matrix @ slopes))
        gradient = matrix.T @ (weights * (wanted - chances)) - penalty @ slopes
        hessian = (matrix * (weights * chances * (1 - chances))[:, None]).T @ matrix + penalty
        slopes += np.linalg.solve(hessian, gradient)
    own, products = slopes[: len(DECISION)], iter(slopes[len(DECISION) : -1])
    return {
        "centre": dict(zip(DECISION, centre.tolist(), strict=True)),
        "scale": dict(zip(DECISION, scale.tolist(), strict=True)),
        "slopes": {
            name: [float(own[at]), *(float(next(products)) for _ in DECISION[at:])] for at, name in enumerate(DECISION)
        },
        "intercept": float(slopes[-1]),
    }


def _with_products(values: np.ndarray) -> np.ndarray:
    """Return the columns, their products pair by pair, and ones."""
    first, second = np.triu_indices(values.shape[1])
    matrix: np.ndarray = np.c_[values, values[:, first] * values[:, second], np.ones(len(values))]
    return matrix


def fit(cases: list[Case], answer_from: float = 0.5, uncertain_from: float = 0.25) -> Model:
    """Fit both models."""
    unfitted = Model(fit_pair(cases), {}, {}, {}, 0.0, answer_from, uncertain_from)
    return replace(unfitted, **fit_decision(*decision_rows(unfitted, cases)))


def cross_validate(cases: list[Case]) -> list[Judgement]:
    """Judge each question by a model that saw neither it nor another one on its document."""
    documents = sorted({(case.item.field, case.item.title) for case in cases})
    found = []
    for fold in range(FOLDS):
        unseen = set(documents[fold::FOLDS])
        model = fit([case for case in cases if (case.item.field, case.item.title) not in unseen])
        for case in cases:
            if (case.item.field, case.item.title) in unseen:
                ranked = model.rank(case.judged)
                chance = model.probability(decision_features(case.asked, ranked))
                found.append(Judgement(case, chance, is_right(case, ranked)))
    return found


def figures(found: list[Judgement], answer_from: float) -> dict[str, float]:
    """Return the shares of questions answered right and of unanswerable ones that get no claim."""
    answered = [each.right and each.chance >= answer_from for each in found if each.case.item.answerable]
    refused = [each.chance < answer_from for each in found if not each.case.item.answerable]
    return {"right": float(np.mean(answered)), "no_claim": float(np.mean(refused))}


def choose_thresholds(found: list[Judgement]) -> tuple[float, float]:
    """Return the chance at which right answers and refusals balance; and the lower one, below which to decline."""
    answer_from = max((each.chance for each in found), key=lambda chance: min(figures(found, chance).values()))
    answerable = [each.chance for each in found if each.case.item.answerable]
    return answer_from, min(answer_from, float(np.quantile(answerable, ANSWERS_DECLINED)))


def _auc(found: list[Judgement]) -> float:
    right = np.array([each.chance for each in found if each.right])
    wrong = np.array([each.chance for each in found if not each.case.item.answerable])
    pairs = right[:, None] - wrong[None, :]
    return float((pairs > 0).mean() + (pairs == 0).mean() / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    fitted: dict[str, Any] = {}
    with Library() as library:
        for kind in ("semantic", "lexical"):
            found = [case_of(library, item, kind) for item in library.items if item.split != "held"]
            cases = [case for case in found if case is not None]
            judged = cross_validate(cases)
            common = [each for each in judged if not each.case.hard]
            thresholds = choose_thresholds(common)
            for name, part in (("common", common), ("train files", [each for each in judged if each.case.hard])):
                shown = {key: round(value, 3) for key, value in figures(part, thresholds[0]).items()}
                print(f"{kind}, {name}: {len(part)} questions, auc {_auc(part):.3f}, {shown}")
            model = fit(cases, *thresholds)
            fitted[kind] = {name: _rounded(getattr(model, name)) for name in Model.__slots__}
    if write:
        MODEL.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [round(each, 4) for each in value] if isinstance(value, list) else round(value, 4)


if __name__ == "__main__":
    main()
