"""Parsing what a model writes, however it is cut and whatever it is."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.products.plugs.engine.answering.protocol import Item, Opening, Parser, Prose, Source, escape

ALPHABET = st.text(alphabet="[]|1 2a\nanswered.", max_size=80)


def parse(text: str, cuts: list[int] | None = None) -> list[Item]:
    parser = Parser()
    places = [0, *sorted(cut for cut in cuts or [] if cut < len(text)), len(text)]
    items = [item for start, end in itertools.pairwise(places) for item in parser.feed(text[start:end])]
    items += parser.finish()
    return join(items)


def join(items: list[Item]) -> list[Item]:
    """Join prose that arrived in pieces."""
    joined: list[Item] = []
    for item in items:
        last = joined[-1] if joined else None
        if isinstance(item, Prose) and isinstance(last, Prose):
            joined[-1] = Prose(last.text + item.text)
        else:
            joined.append(item)
    return joined


def test_reads_outcome_sentence_and_sources() -> None:
    assert parse("answered\nPay in 30 days. [[1|thirty (30) days]][[2|a | b]]") == [
        Opening("answered"),
        Prose("Pay in 30 days. "),
        Source(1, "thirty (30) days"),
        Source(2, "a | b"),
    ]


@pytest.mark.parametrize("line", ["declined", "Declined.", "**declined**", "Outcome: declined", "\n declined "])
def test_reads_the_outcome_as_models_decorate_it(line: str) -> None:
    assert parse(line + "\n") == [Opening("declined")]


def test_a_first_line_that_is_no_outcome_is_prose() -> None:
    assert parse("Sure! Here it is.\nIt is.") == [Opening(None), Prose("Sure! Here it is.\nIt is.")]


@pytest.mark.parametrize("broken", ["[[1 no bar]]", "[[x|quote]]", "[[|quote]]", "[[1|never closed"])
def test_a_malformed_source_is_dropped_and_never_shown(broken: str) -> None:
    assert parse(f"answered\nSo. {broken}") == [Opening("answered"), Prose("So. ")]


def test_a_quote_may_end_in_a_bracket() -> None:
    assert parse("answered\n[[1|see [4]]]")[-1] == Source(1, "see [4]")


def test_a_source_that_opens_inside_another_counts_alone() -> None:
    assert parse("answered\n[[1|a [[2|b]]")[-1] == Source(2, "b")


@given(ALPHABET, st.lists(st.integers(0, 80)))
def test_where_the_stream_is_cut_changes_nothing(text: str, cuts: list[int]) -> None:
    assert parse(text, cuts) == parse(text)


@given(ALPHABET)
def test_no_source_is_ever_shown_as_prose(text: str) -> None:
    assert not any(isinstance(item, Prose) and "[[" in item.text for item in parse(text)[1:])


@given(ALPHABET)
def test_escaped_text_holds_no_source(text: str) -> None:
    assert not any(isinstance(item, Source) for item in parse("answered\n" + escape(text)))
