"""Fit the offline model's coefficients (`model.json`); the held questions are never read.

    python -m benchmarks.fit_decision [--write]

Two models: which passage answers (softmax over the passages of a question), and whether any does (quadratic logistic
regression with an L2 penalty). The unanswerable questions are the set's own and, for every answerable one, the same
question with all passages taken away that answer it. The `train` files count for less: most of what they hold is
harder than what people ask. Prints two cross-validations, by who wrote the questions and by kind: on documents that a
fit did not see, and on documents and authors that it did not. The threshold of a fold is chosen on the others' tests.
`--write` keeps the coefficients.
"""

import argparse
import json
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from benchmarks.harness.questions import Item, Library
from patchbay.kernel.search.contracts import WordEmbedder
from patchbay.products.gateway.engine.contracts import Evidence
from patchbay.products.gateway.providers.offline.answer import MIN_QUOTES
from patchbay.products.gateway.providers.offline.decision import MODEL, WIDEST, Model, take_likely
from patchbay.products.gateway.providers.offline.features import DECISION, PAIR, Judged, decision_features, judge
from patchbay.products.gateway.providers.offline.question import Asked, take_apart

FOLDS = 9
AUTHOR_FOLDS = 3
PAIR_PENALTY = 0.02
PAIR_STEPS = 40
DECISION_PENALTY = 1.0
"""Of each row. Chosen among 0.1, 0.3, 1, 3 and 10 for what it does on authors and documents unseen."""
TRAIN_WEIGHT = 0.3
TAKEN_AWAY_WEIGHT = 0.15
"""Of a question whose answer was taken away, beside one that people wrote: there are many, and of one kind."""
ANSWERS_DECLINED = 0.02
"""Share of answerable questions that caution may decline."""
WELL_WRITTEN = ("licences", "office", "works")
"""Fields whose questions for fitting are no harder than what people ask."""
Kind = Literal["semantic", "lexical"]
Document = tuple[str, str]


@dataclass(slots=True)
class Case:
    """A question with judged passages; `gold` holds the numbers of those that answer it."""

    item: Item
    asked: Asked
    judged: list[Judged]
    gold: frozenset[int]

    @property
    def hard(self) -> bool:
        return self.item.split == "train" and self.item.field not in WELL_WRITTEN

    @property
    def weight(self) -> float:
        return TRAIN_WEIGHT if self.hard else 1.0

    @property
    def document(self) -> Document:
        return self.item.field, self.item.title

    @property
    def author(self) -> str:
        """Who wrote the question, as far as a style is one person's."""
        own = self.item.split == "train" and not self.hard
        return ("licences" if self.item.field == "licences" else "office, works") if own else self.item.split


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the model of a fold made of a question that it had not seen; `right` says whether an answer would be."""

    case: Case
    chance: float
    right: bool
    fold: int


def case_of(library: Library, item: Item, kind: Kind) -> Case | None:
    """Return an item's case; None where nothing was found."""
    evidence, gold = library.evidence(item, semantic=kind == "semantic")
    embedder = library.embedder if kind == "semantic" else None
    return make_case(item, evidence, gold, embedder) if evidence.passages else None


def make_case(item: Item, evidence: Evidence, gold: frozenset[int], embedder: WordEmbedder | None) -> Case:
    asked = take_apart(evidence.question, evidence.units, evidence.word_counts)
    return Case(item, asked, judge(asked, evidence.passages, embedder), gold)


def fit_pair(cases: list[Case]) -> dict[str, float]:
    """Maximise the chance that the softmax gives the answering passages together, by Newton's method."""
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
    for _ in range(PAIR_STEPS):
        odds = np.where(there, rows @ slopes, -np.inf)
        chances = np.exp(odds - odds.max(axis=1, keepdims=True))
        wanted = chances * hits / (chances * hits).sum(axis=1, keepdims=True)
        chances /= chances.sum(axis=1, keepdims=True)
        gradient = np.einsum("np,npf->f", wanted - chances, rows) / len(cases) - PAIR_PENALTY * slopes
        # The curvature of the softmax alone: more than the objective has, so that no step goes too far.
        means = np.einsum("np,npf->nf", chances, rows)
        weighted = (rows * chances[:, :, None]).reshape(-1, len(PAIR))
        curvature = (weighted.T @ rows.reshape(-1, len(PAIR)) - means.T @ means) / len(cases)
        slopes += np.linalg.solve(curvature + PAIR_PENALTY * np.eye(len(PAIR)), gradient)
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
    quoted = ranked[: max(MIN_QUOTES, len(take_likely(ranked)))]
    return any(each.passage.number in case.gold for each in quoted)


def fit_decision(rows: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    """Logistic regression by Newton's method on the features and their products, both classes weighing the same."""
    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)  # without vectors every cosine is 0
    matrix = _with_products(np.clip((rows - centre) / scale, -WIDEST, WIDEST))
    weights = np.where(wanted > 0, weights / weights[wanted > 0].sum(), weights / weights[wanted == 0].sum())
    weights *= len(rows) / weights.sum()
    penalty = np.diag([DECISION_PENALTY * len(rows)] * (matrix.shape[1] - 1) + [1e-6])
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


def split_by_document(cases: list[Case]) -> Iterator[tuple[list[Case], list[Case]]]:
    """Yield (fitted, tested): no tested case stands on a document of a fitted one."""
    for unseen in _document_parts(cases, FOLDS):
        yield (
            [each for each in cases if each.document not in unseen],
            [each for each in cases if each.document in unseen],
        )


def split_by_author(cases: list[Case]) -> Iterator[tuple[list[Case], list[Case]]]:
    """Yield (fitted, tested): no tested case stands on a document of a fitted one, or has its author."""
    for author in sorted({case.author for case in cases}):
        for unseen in _document_parts(cases, AUTHOR_FOLDS):
            tested = [each for each in cases if each.author == author and each.document in unseen]
            if tested:
                yield [each for each in cases if each.author != author and each.document not in unseen], tested


def _document_parts(cases: list[Case], parts: int) -> Iterator[Set[Document]]:
    documents = sorted({case.document for case in cases})
    return (set(documents[part::parts]) for part in range(parts))


def judge_unseen(splits: Iterator[tuple[list[Case], list[Case]]]) -> list[Judgement]:
    """Judge each tested question by a model fitted on its split's other questions."""
    found = []
    for fold, (fitted, tested) in enumerate(splits):
        model = fit(fitted)
        for case in tested:
            ranked = model.rank(case.judged)
            chance = model.probability(decision_features(case.asked, ranked))
            found.append(Judgement(case, chance, is_right(case, ranked), fold))
    return found


def choose_thresholds(found: list[Judgement]) -> tuple[float, float]:
    """Return the chance at which right answers and refusals balance; and the lower one, below which to decline."""
    common = [each for each in found if not each.case.hard]
    answer_from = max((each.chance for each in common), key=lambda chance: _balance(common, chance))
    answerable = [each.chance for each in common if each.case.item.answerable]
    return answer_from, min(answer_from, float(np.quantile(answerable, ANSWERS_DECLINED)))


def _balance(found: list[Judgement], answer_from: float) -> float:
    answered = [each.right and each.chance >= answer_from for each in found if each.case.item.answerable]
    refused = [each.chance < answer_from for each in found if not each.case.item.answerable]
    return float(min(np.mean(answered), np.mean(refused)))


def report(title: str, found: list[Judgement]) -> None:
    """Print what came of the questions by author and by kind, each fold at thresholds chosen without it."""
    chosen = {fold: choose_thresholds([e for e in found if e.fold != fold]) for fold in {e.fold for e in found}}
    groups: dict[str, list[Judgement]] = {}
    for each in found:
        item = each.case.item
        groups.setdefault(each.case.author, []).append(each)
        if not each.case.hard:
            groups.setdefault("all but train", []).append(each)
        if not each.case.hard and not item.answerable:
            groups.setdefault(f"of these {item.kind}", []).append(each)
    for name, group in groups.items():
        yes = [each for each in group if each.case.item.answerable]
        no = [each for each in group if not each.case.item.answerable]
        right = [each.right and each.chance >= chosen[each.fold][0] for each in yes]
        declined = [each.chance < chosen[each.fold][1] for each in yes]
        refused = [each.chance < chosen[each.fold][0] for each in no]
        shown = " ".join(f"{np.mean(part):.3f}" if part else "    -" for part in (right, declined, refused))
        print(f"{title}, {name:28} {len(yes):4} {len(no):4}  right, false declines, no claim: {shown}")


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
            judged = judge_unseen(split_by_document(cases))
            print(f"{kind}: auc {_auc([each for each in judged if not each.case.hard]):.3f}")
            report(f"{kind}, unseen documents", judged)
            report(f"{kind}, unseen authors", judge_unseen(split_by_author(cases)))
            model = fit(cases, *choose_thresholds(judged))
            fitted[kind] = {name: _rounded(getattr(model, name)) for name in Model.__slots__}
    if write:
        MODEL.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [round(each, 4) for each in value] if isinstance(value, list) else round(value, 4)


if __name__ == "__main__":
    main()
