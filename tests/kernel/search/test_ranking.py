"""What stands first, and why: one set of expectations for both databases."""

import math

import numpy as np
import pytest

from patchbay.kernel.search import embedder
from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Scope
from tests.kernel.search.conftest import SmallEmbedder
from tests.kernel.search.texts import OURS, THEIRS, found, index

pytestmark = pytest.mark.django_db


def test_a_rare_word_outweighs_a_common_one(no_embedder: None) -> None:
    index(OURS, "doc", "fee fee fee", "fee indemnity", "fee notice", "fee law")
    assert found("fee indemnity")[0] == "doc#1"


def test_bm25_is_the_published_formula(no_embedder: None) -> None:
    index(OURS, "doc", "bolt bolt torque", "torque", "dose")
    (hit, *rest) = search.search(scopes=(OURS,), query="bolts")
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    assert hit.bm25 == pytest.approx(idf * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / (5 / 3))))
    assert (hit.bm25_rank, hit.cosine, hit.vector_rank, rest) == (1, None, None, [])


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("terminating", "termination of the agreement"),
        ("RESUME", "the résumé"),
        ("straße", "STRASSE"),
        ("section 12.3", "as said in 12.3(b)"),
        ("1,000", "a cap of 1000 euro"),
        ("ISO-898", "bolts to iso-898"),
        ("898", "bolts to iso-898"),
        ("通知", "合同终止通知期限"),
        ("customer", "the customer’s duty"),
    ],
)
def test_a_word_is_found_in_its_other_spellings(no_embedder: None, query: str, text: str) -> None:
    index(OURS, "doc", text, "something else")
    assert found(query) == ["doc#0"]


def test_a_whole_number_beats_its_parts(no_embedder: None) -> None:
    index(OURS, "doc", "clause 3 of 12", "clause 12.3", "clause 4")
    assert found("12.3")[0] == "doc#1"


def test_meaning_finds_what_no_word_does(small: SmallEmbedder) -> None:
    index(OURS, "doc", "termination rules", "torque table")
    search.embed_document(scope=OURS, document_id="doc")
    (first, *_) = search.search(scopes=(OURS,), query="quit")
    assert (first.unit_id, first.bm25, first.bm25_rank, first.vector_rank) == ("doc#0", None, None, 1)
    assert first.cosine is not None
    assert first.cosine > 0.5


def test_both_lists_together_beat_either(small: SmallEmbedder) -> None:
    index(OURS, "doc", "quit smoking", "termination notice quit", "termination only")
    search.embed_document(scope=OURS, document_id="doc")
    (first, *_) = search.search(scopes=(OURS,), query="quit notice")
    assert (first.unit_id, first.bm25_rank, first.vector_rank) == ("doc#1", 1, 1)
    assert first.score == pytest.approx(2 / 61)


def test_documents_with_and_without_vectors_mix(small: SmallEmbedder) -> None:
    index(OURS, "embedded", "termination rules")
    search.embed_document(scope=OURS, document_id="embedded")
    index(OURS, "fresh", "how to quit")
    assert set(found("quit")) == {"embedded#0", "fresh#0"}


def test_vectors_of_another_embedder_are_not_compared(small: SmallEmbedder) -> None:
    index(OURS, "doc", "termination rules quit")
    search.embed_document(scope=OURS, document_id="doc")
    embedder.set_provider(lambda: SmallEmbedder("other"))
    (hit,) = search.search(scopes=(OURS,), query="quit")
    assert hit.cosine is None


def test_a_query_is_not_embedded_while_there_is_nothing_to_compare(small: SmallEmbedder) -> None:
    index(OURS, "doc", "termination")
    found("termination")
    assert small.asked == []


def test_a_failing_embedder_leaves_keywords(small: SmallEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    index(OURS, "doc", "termination")
    search.embed_document(scope=OURS, document_id="doc")
    monkeypatch.setattr(small, "embed", lambda texts: 1 / 0)
    assert found("termination") == ["doc#0"]


def test_a_given_vector_is_used_as_it_is(small: SmallEmbedder) -> None:
    index(OURS, "doc", "fee", "termination")
    search.embed_document(scope=OURS, document_id="doc")
    vector = small.embed(["termination"])[0]
    (first, *_) = search.search(scopes=(OURS,), query="", query_vector=vector)
    assert first.unit_id == "doc#1"
    assert first.cosine == pytest.approx(1, abs=1e-5)
    assert search.search(scopes=(OURS,), query="", query_vector=None) == []


def test_several_scopes_rank_as_one_collection(no_embedder: None) -> None:
    plug = Scope("org_platform", "plug_legal")
    index(plug, "law", *["contract law"] * 30, "contract indemnity")
    index(OURS, "own", "contract indemnity")
    apart = {hit.unit_id: hit.bm25 for hit in search.search(scopes=(plug, OURS), query="indemnity")}
    assert set(apart) == {"law#30", "own#0"}
    assert apart["law#30"] == apart["own#0"]
    index(THEIRS, "all", *["contract law"] * 30, "contract indemnity", "contract indemnity")
    (whole, *_) = search.search(scopes=(THEIRS,), query="indemnity")
    assert whole.bm25 == pytest.approx(apart["own#0"])


def test_among_thousands_the_nearest_is_the_exact_nearest(small: SmallEmbedder) -> None:
    random = np.random.default_rng(7)
    texts = [f"w{a} w{b}" for a, b in random.integers(0, 400, (2_000, 2))]
    index(OURS, "doc", *texts)
    search.embed_document(scope=OURS, document_id="doc")
    vectors, query = small.embed(texts), small.embed(["w7 w9"])[0]
    best = int(np.argmax(vectors @ query))
    (first, *_) = search.search(scopes=(OURS,), query="", query_vector=query)
    assert first.unit_id == f"doc#{best}"
    assert first.cosine == pytest.approx(float(vectors[best] @ query), abs=1e-5)


def test_limit_bounds_the_hits(no_embedder: None) -> None:
    index(OURS, "doc", *["notice"] * 150)
    assert found("notice", limit=120) == [f"doc#{n}" for n in range(120)]
    assert found("notice", limit=0) == []
