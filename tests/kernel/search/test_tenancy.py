"""No text, no statistic and no cache of one organisation reaches another's search."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Scope
from tests.kernel.search.conftest import SmallEmbedder
from tests.kernel.search.texts import OURS, THEIRS, found, index, ranks

pytestmark = pytest.mark.django_db
WORDS = st.sampled_from(["notice", "fee", "contract", "bolt", "torque", "insulin", "dose", "law", "denmark", "12.3"])
TEXTS = st.lists(st.lists(WORDS, min_size=1, max_size=8).map(" ".join), min_size=1, max_size=5)


def test_the_same_text_is_found_only_in_the_scope_asked(small: SmallEmbedder) -> None:
    index(OURS, "ours", "the notice period is ninety days")
    index(THEIRS, "theirs", "the notice period is ninety days")
    search.embed_document(scope=OURS, document_id="ours")
    search.embed_document(scope=THEIRS, document_id="theirs")
    assert found("notice period", OURS) == ["ours#0"]
    assert found("notice period", THEIRS) == ["theirs#0"]


def test_two_collections_of_one_organisation_are_apart(no_embedder: None) -> None:
    other = Scope(OURS.organisation_id, "plug_other")
    index(OURS, "doc", "notice period")
    assert found("notice", other) == []


def test_one_name_may_stand_in_two_scopes(no_embedder: None) -> None:
    index(OURS, "doc", "notice")
    index(THEIRS, "doc", "fee")
    search.remove(scope=THEIRS, document_id="doc")
    assert found("notice", OURS) == ["doc#0"]


def test_no_scope_finds_nothing(no_embedder: None) -> None:
    index(OURS, "doc", "notice")
    assert search.search(scopes=(), query="notice") == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ours=TEXTS, theirs=TEXTS, query=st.lists(WORDS, min_size=1, max_size=4).map(" ".join))
def test_what_others_hold_changes_neither_hits_nor_scores(
    no_embedder: None, ours: list[str], theirs: list[str], query: str
) -> None:
    search.remove_scope(scope=THEIRS)
    index(OURS, "doc", *ours)
    before = ranks(query)
    index(THEIRS, "doc", *theirs)
    assert ranks(query) == before
    assert {hit.scope for hit in search.search(scopes=(OURS,), query=query)} <= {OURS}
