"""Taking a question apart."""

import pytest

from patchbay.lib.words import stem
from patchbay.products.gateway.providers.offline.counting import find_counted, holds_count
from patchbay.products.gateway.providers.offline.kinds import (
    find_focus,
    find_kinds,
    lacks_kind,
    lacks_what_is_asked,
    looks_like,
)
from patchbay.products.gateway.providers.offline.question import holds_number, take_apart


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How long must we wait?", "duration"),
        ("How often is it changed?", "frequency"),
        ("What is the cancellation fee?", "money"),
        ("How many units do I give?", "quantity"),
        ("Who signs it off?", "person"),
        ("Can they switch us off?", "choice"),
    ],
)
def test_knows_what_kind_of_answer_is_wanted(question: str, kind: str) -> None:
    assert kind in find_kinds(question)


def test_knows_a_text_that_holds_the_kind() -> None:
    assert looks_like("duration", "within thirty (30) days")
    assert not looks_like("duration", "The Board appoints the Arbiter.")
    assert looks_like("money", "a fee of £180")


@pytest.mark.parametrize(
    ("question", "focus"),
    [
        ("Which species of fish is kept at the intake?", "species"),
        ("What is the notice period for tenants?", "notice period"),
        ("How many beds are there?", "beds"),
    ],
)
def test_finds_what_is_asked_for(question: str, focus: str) -> None:
    assert find_focus(question).strip() == focus


@pytest.mark.parametrize(
    ("number", "text", "held"),
    [
        (9.8, "9.0–10.9\tIncrease by 4 units", True),
        (26, "Months 25 to 30\t20%", True),
        (26, "Months 31 to 36", False),
        (9.2, "8.0 or above\tStop warfarin", True),
        (9, "older than 7 days", True),
        (5, "older than 7 days", False),
        (30, "thirty (30) days", True),
        (3, "30 days", False),
    ],
)
def test_a_number_is_held_by_itself_or_by_a_range(number: float, text: str, held: bool) -> None:
    assert holds_number(number, text) is held


def test_rare_words_weigh_more_and_unknown_ones_are_named() -> None:
    asked = take_apart("What is the rotavirus notice?", 100, {"rotavirus": 0, "notice": 50})
    assert asked.unknown == {"rotaviru"}
    assert asked.weights["rotaviru"] > asked.weights[stem("notice")]


@pytest.mark.parametrize("text", ["", "?", "the of and", "\0", "⁹ ² ٣", "(((", "1.2.3.4 5,6,7", "x" * 5000])
def test_any_text_is_a_question(text: str) -> None:
    assert take_apart(text, 10, {}).total > 0


@pytest.mark.parametrize(
    ("question", "text", "lacks"),
    [
        ("Why does the peak season start in November?", "Peak Season\tthe period from 15 November", True),
        ("Why is the tank drained?", "It is drained so that frost does no harm.", False),
        ("In what year was the company founded?", "The company was founded by two sisters.", True),
        ("In what year was the company founded?", "Founded in 1987.", False),
        ("What is the service desk's telephone number?", "Ring the service desk within 30 days.", True),
        ("What is the service desk's telephone number?", "Ring 0161 496 0000 at any hour.", False),
        ("When was the last test?", "The last test was in April.", False),
        ("When must we pay?", "Within the usual time.", False),
    ],
)
def test_knows_what_a_text_cannot_answer(question: str, text: str, lacks: bool) -> None:
    assert lacks_what_is_asked(question, [text]) is lacks


def test_in_a_few_units_an_unknown_word_does_not_outweigh_the_known_ones() -> None:
    asked = take_apart("When is the gate shut?", 2, {"gate": 1, "shut": 0})
    assert asked.weights["shut"] < 1.5 * asked.weights[stem("gate")]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("There are 12 approved welding inspectors on site.", True),
        ("Twelve inspectors are on site.", True),
        ("No inspector is on site.", True),
        ("Inspectors are on site from 8 to 12.", False),
        ("The 12 welders are supervised by inspectors.", False),
    ],
)
def test_knows_a_text_that_counts_what_is_asked_the_number_of(text: str, held: bool) -> None:
    nouns = find_counted("How many inspectors are there?")
    assert nouns == {stem("inspectors")}
    assert holds_count(nouns, text) is held


def test_a_question_that_counts_nothing_wants_no_count() -> None:
    assert find_counted("Who inspects the welds?") == frozenset()


@pytest.mark.parametrize(
    ("question", "text", "lacks"),
    [
        ("How long is the course?", "The course is held in the hall.", True),
        ("How long is the course?", "The course is 6 hours long.", False),
        ("Who runs the course?", "6 hours", False),
        ("Which room?", "6 hours", False),
    ],
)
def test_a_kind_that_no_text_looks_like_is_a_sign(question: str, text: str, lacks: bool) -> None:
    assert lacks_kind(question, [text]) is lacks
