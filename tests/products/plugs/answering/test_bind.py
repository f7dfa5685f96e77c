"""A quote is bound to where it stands, or to nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.products.plugs.engine.answering.bind import Binder, Pinned, cite
from tests.products.plugs.answering.passages import CONTRACT, PASSAGES, STORED

BINDER = Binder(PASSAGES)


def bound(number: int, quote: str) -> str | None:
    span = BINDER.bind(number, quote)
    return span.quote if span else None


def test_a_citation_names_version_page_section_and_offsets() -> None:
    span = BINDER.bind(2, "dispute an invoice within 7 days")
    assert span is not None
    citation = cite(span, 1)
    assert (citation.document_id, citation.document_version, citation.page) == ("doc_a", 3, 2)
    assert citation.section == "1 Payment"
    assert CONTRACT[citation.start : citation.end] == citation.quote == "dispute an invoice within 7 days"


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("within  thirty (30)\ndays", "within thirty (30) days"),
        ("A late payment bears interest", "A late pay-\nment bears interest"),
        ("the customer SHALL pay", "The Customer shall pay"),
        ("“The Customer shall pay”", "The Customer shall pay"),
        ("Severity 1 | 15 minutes", "Severity 1\t15 minutes"),
        ("**15 minutes**", "15 minutes"),
    ],
)
def test_typesetting_does_not_matter_and_the_quote_is_the_stored_text(written: str, stored: str) -> None:
    assert bound(1, written) == stored


@pytest.mark.parametrize(
    "invented",
    [
        "within sixty (60) days",
        "shall pay each invoice within 7 days",
        "of receiving it. The Customer may dispute",
        "",
        " … ",
        "***",
    ],
)
def test_what_does_not_stand_in_one_passage_is_bound_to_nothing(invented: str) -> None:
    assert bound(1, invented) is None


@pytest.mark.parametrize("part", ["hirty (30) days", "5% a year", "4.5% a yea", "5 minutes", "erity 1"])
def test_words_and_numbers_are_not_cut(part: str) -> None:
    assert bound(1, part) is None


@pytest.mark.parametrize("number", [2, 99])
def test_a_quote_under_a_wrong_number_is_cited_where_it_really_stands(number: int) -> None:
    span = BINDER.bind(number, "15 minutes")
    assert span is not None
    assert cite(span, 1).document_id == "doc_b"


@given(st.text(max_size=60), st.integers(0, 5))
def test_whatever_is_bound_stands_in_the_stored_text(quote: str, number: int) -> None:
    span = BINDER.bind(number, quote)
    if span is not None:
        citation = cite(span, 1)
        assert STORED[citation.document_id][citation.start : citation.end] == citation.quote


@given(st.text(min_size=1, max_size=40), st.data())
def test_any_run_of_whole_words_of_a_passage_binds(text: str, data: st.DataObject) -> None:
    words = text.split()
    if not any(letter.isalnum() for letter in text) or not words:
        return
    first = data.draw(st.integers(0, len(words) - 1))
    quote = " ".join(words[first:])
    span = Binder([Pinned(1, "doc", 1, "T", None, 0, text)]).bind(1, quote)
    if any(letter.isalnum() for letter in quote):
        assert span is not None
