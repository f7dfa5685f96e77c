"""Indexing is part of the caller's transaction: all of a document, or the one before."""

import threading
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction

from patchbay.kernel.search import errors
from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Scope
from patchbay.kernel.search.engine.directory import Directories
from patchbay.kernel.search.models import IndexedDocument, IndexedUnit, IndexScope, Posting, UnitVector
from tests.kernel.search.conftest import SmallEmbedder
from tests.kernel.search.texts import OURS, THEIRS, found, index

pytestmark = pytest.mark.django_db
TABLES: tuple[Any, ...] = (IndexedDocument, IndexedUnit, Posting, UnitVector)


class RolledBackError(Exception):
    """Raised by a test inside a transaction."""


def counts() -> list[int]:
    return [table.objects.count() for table in TABLES]


def test_keywords_answer_at_once(no_embedder: None) -> None:
    index(OURS, "doc", "notice period")
    assert found("notice") == ["doc#0"]


def test_replacing_leaves_nothing_of_the_old(small: SmallEmbedder) -> None:
    index(OURS, "doc", "old notice", "old fee")
    search.embed_document(scope=OURS, document_id="doc")
    index(OURS, "doc", "new torque")
    assert found("old notice fee") == []
    assert found("torque") == ["doc#0"]
    assert UnitVector.objects.count() == 0


def test_a_rollback_keeps_the_old(small: SmallEmbedder) -> None:
    index(OURS, "doc", "old notice")
    search.embed_document(scope=OURS, document_id="doc")
    before = counts()
    with suppress(RolledBackError), transaction.atomic():
        index(OURS, "doc", "new torque")
        assert found("torque") == ["doc#0"]
        raise RolledBackError
    assert found("torque old notice") == ["doc#0"]
    assert counts() == before


def test_a_cache_filled_in_a_rolled_back_transaction_is_not_used(no_embedder: None) -> None:
    index(OURS, "doc", "alpha")
    with suppress(RolledBackError), transaction.atomic():
        index(OURS, "more", "beta", "beta gamma")
        assert len(found("beta")) == 2
        raise RolledBackError
    index(OURS, "other", "gamma")
    assert found("gamma beta") == ["other#0"]


def test_removing_empties_every_table(small: SmallEmbedder) -> None:
    index(OURS, "doc", *[f"word{n} notice" for n in range(700)])
    search.embed_document(scope=OURS, document_id="doc")
    search.remove(scope=OURS, document_id="doc")
    search.remove(scope=OURS, document_id="never was")
    assert counts() == [0, 0, 0, 0]
    assert found("notice") == []


def test_removing_a_scope_empties_every_table(small: SmallEmbedder) -> None:
    index(OURS, "one", "notice")
    index(OURS, "two", "fee")
    search.embed_document(scope=OURS, document_id="one")
    search.remove_scope(scope=OURS)
    assert counts() == [0, 0, 0, 0]
    assert not IndexScope.objects.exists()


def test_a_document_without_units_finds_nothing(small: SmallEmbedder) -> None:
    index(OURS, "empty")
    index(OURS, "blank", "", "the of and", "\x01")
    assert search.embed_document(scope=OURS, document_id="empty") == 0
    assert found("the") == []


def test_too_many_units_are_refused(no_embedder: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MAX_UNITS", 2)
    with pytest.raises(errors.TooManyUnitsError):
        index(OURS, "doc", "one", "two", "three")


def test_indexing_calls_the_follow_up_inside_the_transaction(no_embedder: None) -> None:
    called: list[tuple[Scope, str, bool, bool]] = []
    search.set_follow_up(lambda scope, doc, begun: called.append((scope, doc, begun, connection.in_atomic_block)))
    try:
        index(OURS, "doc", "notice")
        index(OURS, "empty")
    finally:
        search.set_follow_up(None)
    assert called == [(OURS, "doc", False, True)]


def test_a_document_is_found_by_keyword_only_until_its_vectors_are_made(small: SmallEmbedder) -> None:
    index(OURS, "doc_1", "quit")
    index(THEIRS, "doc_2", "quit")
    search.index(scope=OURS, document_id="empty", units=[])
    assert search.list_keyword_only(scopes=[OURS]) == {"doc_1"}
    assert search.list_keyword_only(scopes=[OURS, THEIRS]) == {"doc_1", "doc_2"}
    search.embed_document(scope=OURS, document_id="doc_1")
    assert search.list_keyword_only(scopes=[OURS]) == frozenset()


def test_embedding_goes_on_where_it_stopped(small: SmallEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "EMBED_BATCH", 2)
    index(OURS, "doc", *"abcde")
    embed = small.embed

    def dies_in_the_second_batch(texts: list[str]) -> np.ndarray:
        if "c" in texts:
            raise RolledBackError
        return embed(texts)

    monkeypatch.setattr(small, "embed", dies_in_the_second_batch)
    with pytest.raises(RolledBackError):
        search.embed_document(scope=OURS, document_id="doc")
    assert search.list_unembedded() == [(OURS, "doc")]
    monkeypatch.setattr(small, "embed", embed)
    assert search.embed_document(scope=OURS, document_id="doc") == 3
    assert search.embed_document(scope=OURS, document_id="doc") == 0
    assert small.asked == list("abcde")
    assert search.list_unembedded() == []


def test_a_long_document_lets_others_through(small: SmallEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "EMBED_BATCH", 2)
    index(OURS, "doc", *"abcde")
    again: list[tuple[str, bool]] = []
    search.set_follow_up(lambda scope, doc, begun: again.append((doc, begun)))
    try:
        assert search.embed_document(scope=OURS, document_id="doc", seconds=0) == 2
        assert again == [("doc", True)]
        assert search.embed_document(scope=OURS, document_id="doc") == 3
        assert again == [("doc", True)]
    finally:
        search.set_follow_up(None)


def test_another_embedder_starts_anew(small: SmallEmbedder) -> None:
    index(OURS, "doc", "quit", "fee")
    search.embed_document(scope=OURS, document_id="doc")
    small.name = "next"
    assert search.list_unembedded() == [(OURS, "doc")]
    assert search.embed_document(scope=OURS, document_id="doc") == 2
    assert found("termination")[0] == "doc#0"


def test_vectors_of_a_text_replaced_meanwhile_are_dropped(
    small: SmallEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(OURS, "doc", "old one", "old two")
    embed = small.embed

    def replaces_first(texts: list[str]) -> np.ndarray:
        if "old one" in texts:
            index(OURS, "doc", "new")
        return embed(texts)

    monkeypatch.setattr(small, "embed", replaces_first)
    assert search.embed_document(scope=OURS, document_id="doc") == 1
    assert counts()[3] == 1


@pytest.mark.django_db(transaction=True)
def test_writers_of_one_scope_do_not_lose_each_other(no_embedder: None) -> None:
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for _ in range(3):
                index(OURS, name, f"{name} notice", "shared notice")
                index(OURS, "shared", f"{name} shared")
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("alpha", "beta", "gamma")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert {unit.split("#")[0] for unit in found("notice shared")} == {"alpha", "beta", "gamma", "shared"}
    assert len(found("notice")) == 6


def test_remembered_directories_stay_within_their_bound(no_embedder: None) -> None:
    for name in ("a", "b", "c"):
        index(Scope("org", name), "doc", "notice")
    held = Directories(max_bytes=20)
    for row in [*IndexScope.objects.all(), *IndexScope.objects.all()]:
        assert held.get(row, "").units == 1
    assert len(held._held) == 1
