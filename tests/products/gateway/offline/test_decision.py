"""What the fitted decision may not overrule, and how it weighs features and their products."""

import pytest

from patchbay.products.gateway.engine.contracts import Passage
from patchbay.products.gateway.providers.offline.decision import MAX_LIKELY, Model, take_likely
from patchbay.products.gateway.providers.offline.features import DECISION, Judged

ZERO = dict.fromkeys(DECISION, 0.0)
ONE = dict.fromkeys(DECISION, 1.0)
FLAT = {name: [0.0] * (1 + len(DECISION[at:])) for at, name in enumerate(DECISION)}
UNWILLING = Model({}, ZERO, ONE, FLAT, -9.0, 0.5, 0.25)
PLAIN = ZERO | {"coverage": 1.0, "literal": 1.0, "impossible": 0.0}


def passages(*odds: float) -> list[Judged]:
    return [Judged(Passage(number, "text", "Title"), {}, each) for number, each in enumerate(odds, 1)]


def test_every_word_in_one_passage_is_an_answer() -> None:
    assert UNWILLING.decide(PLAIN) == "answered"


def test_a_word_or_name_that_is_missing_leaves_it_to_the_fit() -> None:
    assert UNWILLING.decide(PLAIN | {"literal": 0.0}) == "declined"


def test_what_cannot_hold_the_answer_is_shown_and_claims_nothing() -> None:
    assert UNWILLING.decide(PLAIN | {"impossible": 1.0}) == "uncertain"


def test_two_features_may_weigh_together_what_neither_weighs_alone() -> None:
    slopes = FLAT | {DECISION[0]: [0.0, 0.0, 4.0, *FLAT[DECISION[0]][3:]]}
    model = Model({}, ZERO, ONE, slopes, 0.0, 0.9, 0.5)
    both = ZERO | {DECISION[0]: 1.0, DECISION[1]: 1.0}
    assert model.probability(ZERO | {DECISION[0]: 1.0}) == 0.5
    assert model.probability(both) == pytest.approx(0.982, abs=0.001)


def test_a_clear_winner_is_quoted_alone_and_close_ones_together() -> None:
    assert [each.passage.number for each in take_likely(passages(9.0, 2.0, 1.0))] == [1]
    assert [each.passage.number for each in take_likely(passages(3.0, 3.0, 3.0, -9.0))] == [1, 2, 3]


def test_an_answer_never_quotes_more_than_a_reader_reads() -> None:
    assert len(take_likely(passages(*[0.0] * 30))) == MAX_LIKELY
