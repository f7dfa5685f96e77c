"""Words in a common form."""

import pytest

from patchbay.lib.words import content_words, find_words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("payment", "paying"),
        ("terminated", "termination"),
        ("stopped", "stop"),
        ("invoices", "invoice's"),
        ("Saturdays", "Saturday"),
        ("keeps", "kept"),
        ("paid", "pays"),
        ("30", "thirty"),
        ("24", "twenty-four"),
        ("1,500,000", "1500000"),
    ],
)
def test_forms_of_a_word_meet(one: str, other: str) -> None:
    assert content_words(one) == content_words(other)


def test_words_that_carry_no_meaning_are_left_out() -> None:
    assert content_words("What is the notice period, please?") == content_words("notice period")


def test_numbers_stay_whole() -> None:
    assert find_words("4.5% of £1,250 on 3/4 at 10:30") == ["4.5", "of", "1,250", "on", "3/4", "at", "10:30"]
