"""What leaves is verified, whichever model answered and however it lies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.products.gateway.engine.contracts import Delta
from patchbay.products.plugs.engine.answering.reader import DECLINED, UNCERTAIN, VerifyingReader
from patchbay.products.plugs.engine.contracts import Citation
from tests.products.plugs.answering.passages import PASSAGES, STORED, read

TRUE = "Invoices are paid within thirty (30) days [[1|pay each invoice within thirty (30) days]]."


def test_a_paraphrase_leaves_with_its_citation() -> None:
    pieces, verdict = read("answered\n" + TRUE)
    assert verdict.outcome == "answered"
    assert verdict.text == "Invoices are paid within thirty (30) days. [1]"
    assert [citation.quote for citation in verdict.citations] == ["pay each invoice within thirty (30) days"]
    assert pieces == [Delta(verdict.text), verdict.citations[0]]


def test_a_sentence_leaves_before_the_next_is_written() -> None:
    reader = VerifyingReader("", PASSAGES)
    assert not reader.feed("answered\n" + TRUE)
    assert any(isinstance(piece, Citation) for piece in reader.feed(" The response"))


def test_the_same_quote_is_one_citation() -> None:
    _, verdict = read(f"answered\n{TRUE} {TRUE}")
    assert verdict.text.count("[1]") == 2
    assert len(verdict.citations) == 1


@pytest.mark.parametrize(
    "lie",
    [
        "You have ninety days [[1|The Customer has ninety (90) days to pay]].",
        "You have ninety days.",
        "The fee is £900 [[1|within thirty (30) days]].",
        "Refunds need a manager's signature [[2|within 7 days]].",
        "It spans [[1|of receiving it. The Customer may dispute an invoice]].",
        "<script>alert(1)</script> [[1|<script>alert(1)</script>]]",
        "[[1|nothing like it]]",
    ],
)
def test_a_lie_is_withheld_and_its_neighbour_stays(lie: str) -> None:
    _, verdict = read(f"answered\n{lie} {TRUE}")
    assert verdict.text.strip() == "Invoices are paid within thirty (30) days. [1]"
    assert verdict.withheld == (0 if lie.startswith("[[") else 1)


def test_of_two_sentences_before_one_source_only_the_one_it_bears_out_leaves() -> None:
    _, verdict = read(f"answered\nCats are liquid animals. {TRUE}")
    assert "Cats" not in verdict.text
    assert "thirty" in verdict.text


def test_an_answer_without_any_verified_quote_claims_nothing() -> None:
    _, verdict = read("answered\nYou have ninety days. [[1|ninety days]]")
    assert verdict.outcome == "uncertain"
    assert verdict.text.startswith(UNCERTAIN)
    assert "ninety" not in verdict.text
    assert len(verdict.citations) == 3
    assert verdict.support is None


def test_uncertain_shows_the_passages_the_model_names_and_none_of_its_words() -> None:
    _, verdict = read("uncertain\nPerhaps it is 15 minutes, who knows? [[3|Severity 1\t15 minutes]]")
    assert verdict.outcome == "uncertain"
    assert [citation.quote for citation in verdict.citations] == ["Severity 1\t15 minutes"]
    assert "Perhaps" not in verdict.text


def test_declined_says_so_and_cites_nothing() -> None:
    pieces, verdict = read(f"declined\nBut I believe that {TRUE}")
    assert pieces == [Delta(DECLINED)]
    assert (verdict.outcome, verdict.citations) == ("declined", ())


def test_without_passages_uncertain_becomes_declined() -> None:
    _, verdict = read("answered\nIt is so.", passages=())
    assert (verdict.outcome, verdict.text) == ("declined", DECLINED)


def test_a_number_of_the_question_may_be_repeated() -> None:
    _, verdict = read(
        "answered\nFor invoice 4711, pay within thirty (30) days [[1|within thirty (30) days]].",
        question="Invoice 4711?",
    )
    assert verdict.outcome == "answered"


def test_support_is_the_covered_share() -> None:
    _, whole = read("answered\n“The Customer may dispute an invoice” [[2|The Customer may dispute an invoice]]")
    _, part = read("answered\nCustomers may dispute an invoice by telephone [[2|The Customer may dispute an invoice]]")
    assert whole.support == 1.0
    assert part.support is not None
    assert 0.4 <= part.support < 1.0


@given(
    st.lists(
        st.sampled_from(
            ["answered\n", "uncertain\n", "declined\n", "[[1|", "[[3|", "]]", "Severity 1", "within 7 days", "x. ", "["]
        )
    ),
    st.integers(1, 9),
)
def test_whatever_a_model_writes_text_and_citations_add_up(parts: list[str], size: int) -> None:
    pieces, verdict = read("".join(parts), size=size)
    assert "".join(piece.text for piece in pieces if isinstance(piece, Delta)) == verdict.text
    assert tuple(piece for piece in pieces if isinstance(piece, Citation)) == verdict.citations
    for number, citation in enumerate(verdict.citations, 1):
        assert citation.index == number
        assert STORED[citation.document_id][citation.start : citation.end] == citation.quote
        assert f"[{number}]" in verdict.text
    assert (verdict.outcome == "declined") == (verdict.text == DECLINED)
