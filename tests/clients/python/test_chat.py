"""Asking a question, and the answer that comes back."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from smeplug import InvalidResponseError, ValidationError

from tests.fakes.patchbay_api import QUOTE, Fail, FakePatchbay


def test_an_answer_is_its_text_with_typed_citations_and_cost(plug: Any) -> None:
    answer = plug.chat("When may we leave?")
    assert str(answer) == answer.answer == "On thirty days’ notice [1]. You asked: When may we leave?"
    assert answer.created_at == datetime(2026, 11, 21, 9, 15, 0, 123456, tzinfo=UTC)
    assert (answer.outcome, answer.plug, answer.plug_version) == ("answered", "legal-v1", "3")
    assert answer.usage.credits == Decimal("1.500000")
    assert answer.request_id == "req_1"
    (citation,) = answer.citations
    assert (citation.quote, citation.page, citation.verified) == (QUOTE, None, True)
    assert [(g.kind, g.action, g.where) for g in answer.guardrails] == [("pii", "redacted", "question")]


def test_a_quote_stands_at_its_offsets_in_the_stored_text(plug: Any, fake: FakePatchbay) -> None:
    citation = plug.chat("When may we leave?").citations[0]
    for fake.text_as_json in (True, False):
        text = plug.documents.text(citation.document_id, citation.document_version)
        assert text[citation.start : citation.end] == citation.quote


def test_the_question_names_only_what_the_caller_gave(connect: Any, fake: FakePatchbay) -> None:
    connect().chat("Why?")
    connect(plugin_id="legal-v1").chat("Why?", session_id="ses_7")
    connect(plugin_id="legal-v1").chat("Why?", plugin_id="plug_9", idempotency_key="mine")
    assert [seen.json for seen in fake.requests] == [
        {"message": "Why?"},
        {"message": "Why?", "session_id": "ses_7", "plugin_id": "legal-v1"},
        {"message": "Why?", "plugin_id": "plug_9"},
    ]
    assert fake.requests[-1].headers["idempotency-key"] == "mine"


def test_two_questions_carry_two_idempotency_keys(plug: Any, fake: FakePatchbay) -> None:
    plug.chat("Why?")
    plug.chat("Why?")
    assert len({seen.headers["idempotency-key"] for seen in fake.requests}) == 2


@pytest.mark.parametrize("key", ["", "ключ", "two\nlines", "x" * 256])
def test_an_idempotency_key_that_fits_no_header_is_refused_here(plug: Any, fake: FakePatchbay, key: str) -> None:
    with pytest.raises(ValueError, match="idempotency key"):
        plug.chat("Why?", idempotency_key=key)
    assert fake.requests == []


def test_a_refused_question_names_its_field(plug: Any) -> None:
    with pytest.raises(ValidationError, match="message: must not be empty") as caught:
        plug.chat("")
    assert caught.value.errors[0].field == "message"


@pytest.mark.parametrize("body", [b"<html>sign in to the wifi</html>", b"[]", b'{"id": "ans_1"}', b""])
def test_a_success_that_is_no_answer_is_said_so(plug: Any, fake: FakePatchbay, body: bytes) -> None:
    fake.fail_next(Fail(200, body=body))
    with pytest.raises(InvalidResponseError):
        plug.chat("Why?")
    assert len(fake.requests) == 1
