"""Any text is a query: nothing in it is syntax, and its cost is bounded."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patchbay.kernel.search import services as search
from patchbay.kernel.search.engine import tokens
from patchbay.kernel.search.engine.porter import stem
from tests.kernel.search.conftest import SmallEmbedder
from tests.kernel.search.texts import OURS, found, index

pytestmark = pytest.mark.django_db
HOSTILE = [
    "", " ", '"', '"""', "'; DROP TABLE search_posting; --", "notice AND", "NEAR(notice, 3)", "notice*", "(((", "^-+~:",
    "🦜🦜", "\x00notice\x00", "\ud800", "the of and", "%s %d {}", "\u202e", "n" * 100_000, "notice " * 20_000,
    " ".join(f"w{n}" for n in range(5_000)), "1.2.3." * 9_000, "合" * 9_000, "é" * 9_000, "y" * 500, "-" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_query_is_only_words(small: SmallEmbedder, query: str) -> None:
    index(OURS, "doc", "notice period", "fee")
    search.embed_document(scope=OURS, document_id="doc")
    assert set(found(query)) <= {"doc#0", "doc#1"}
    assert len(tokens.query_terms(query)) <= tokens.MAX_QUERY_TERMS


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=[])))
def test_every_text_can_be_indexed_and_asked(no_embedder: None, text: str) -> None:
    index(OURS, "doc", text)
    assert found(text) == (["doc#0"] if tokens.query_terms(text) else [])


def test_the_memory_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CACHE_WORDS", 10)
    tokens.index_terms(" ".join(f"word{n}" for n in range(1_000)))
    assert len(tokens._terms) <= 10


PORTER = """caresses caress, ponies poni, cats cat, feed feed, agreed agre, plastered plaster, bled bled,
motoring motor, sing sing, conflated conflat, troubled troubl, sized size, hopping hop, falling fall, fizzed fizz,
filing file, happy happi, sky sky, relational relat, conditional condit,
valenci valenc, digitizer digit, vietnamization vietnam,
operator oper, feudalism feudal, decisiveness decis, formaliti formal, sensibiliti sensibl, triplicate triplic,
formalize formal, electrical electr, goodness good, revival reviv, allowance allow, adjustable adjust, irritant irrit,
replacement replac, dependent depend, adoption adopt, activate activ, effective effect, probate probat, rate rate,
cease ceas, controll control, roll roll, generalizations gener, oscillators oscil"""


@pytest.mark.parametrize("pair", [pair.split() for pair in PORTER.split(",")], ids=lambda pair: pair[0])
def test_stems_are_those_of_the_paper(pair: list[str]) -> None:
    assert stem(pair[0]) == pair[1]
