"""A plain question, whose every word stands in one passage, is answered whatever the fit makes of the rest."""

from patchbay.products.gateway.providers.offline.decision import Model
from patchbay.products.gateway.providers.offline.features import DECISION

UNWILLING = Model({}, dict.fromkeys(DECISION, 0.0), -9.0, 0.5, 0.25)
PLAIN = dict.fromkeys(DECISION, 0.0) | {"coverage": 1.0, "lacking": 0.0}


def test_every_word_in_one_passage_is_an_answer() -> None:
    assert UNWILLING.decide(PLAIN) == "answered"


def test_a_word_that_is_missing_leaves_it_to_the_fit() -> None:
    assert UNWILLING.decide(PLAIN | {"coverage": 0.9}) == "declined"


def test_a_name_that_is_missing_leaves_it_to_the_fit() -> None:
    assert UNWILLING.decide(PLAIN | {"absent_names": 0.5}) == "declined"


def test_what_cannot_hold_the_answer_is_shown_and_claims_nothing() -> None:
    assert UNWILLING.decide(PLAIN | {"lacking": 1.0}) == "uncertain"
