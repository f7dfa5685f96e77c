"""The main job with the published client: upload, ask, check each citation, pay exactly the price list."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from smeplug import AsyncSMEPlug, Delta, SMEPlug
from smeplug.errors import APIError

from tests.e2e.api.conftest import Served
from tests.instances import running

HANDBOOK = """# Site handbook

## 1 Gates

1.1 The north gate closes at 18:30 on working days and at 13:00 on Saturdays.

1.2 Visitors report to the gatehouse and wear a badge at all times.

## 2 Cranes

2.1 Lifting stops when the wind at the jib reaches 14 metres per second.
"""


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """One with a worker: documents are uploaded here."""
    with running(jobs=True) as instance:
        yield Served(instance, instance.base_url, instance.demo()["api_key"])


@pytest.fixture
def client(served: Served) -> SMEPlug:
    return SMEPlug(api_key=served.api_key, base_url=served.base_url)


def test_a_first_party_plug_answers_with_verified_citations(client: SMEPlug) -> None:
    answer = client.chat("What interest is due on late payment?", plugin_id="legal-v1")
    assert answer.outcome == "answered"
    assert answer.citations
    for citation in answer.citations:
        text = client.documents.text(citation.document_id, citation.document_version, plugin_id="legal-v1")
        assert text[citation.start : citation.end] == citation.quote
        assert citation.verified


def test_the_cost_is_the_price_list_to_the_micro_credit(client: SMEPlug) -> None:
    before = Decimal(client.credits.balance().available)
    answer = client.chat("Who may terminate the agreement, and when?", plugin_id="legal-v1")
    usage = answer.usage
    price = Decimal(usage.prompt_tokens) / 1000 + Decimal(usage.completion_tokens) * 2 / 1000
    assert usage.credits == price
    assert before - Decimal(client.credits.balance().available) == usage.credits
    record = next(record for record in client.usage.records() if record.request_id == answer.request_id)
    assert record.credits == usage.credits
    entry = next(entry for entry in client.credits.entries() if entry.request_id == answer.request_id)
    assert entry.amount == -usage.credits


def test_an_uploaded_document_answers_by_itself(client: SMEPlug, tmp_path: Path) -> None:
    plug = client.plugs.create(name="Site handbook")
    path = tmp_path / "handbook.md"
    path.write_text(HANDBOOK)
    document = client.documents.wait(client.documents.upload(path, plugin_id=plug.id), timeout=30)
    assert document.status == "ready"
    answer = client.chat("When is the north gate shut on Saturday?", plugin_id=plug.slug)
    assert answer.outcome == "answered"
    assert any("13:00" in citation.quote for citation in answer.citations)


def test_a_stream_ends_with_the_whole_answer(client: SMEPlug) -> None:
    with client.stream("What interest is due on late payment?", plugin_id="legal-v1") as stream:
        text = "".join(event.text for event in stream if isinstance(event, Delta))
        assert stream.answer.answer == text
        assert stream.answer.citations


def test_the_async_client_asks_side_by_side(served: Served) -> None:
    async def ask() -> list[str]:
        async with AsyncSMEPlug(api_key=served.api_key, base_url=served.base_url, plugin_id="engineering-v1") as plug:
            answers = await asyncio.gather(*(plug.chat("What is the load factor for imposed load?") for _ in range(4)))
            return [answer.session_id for answer in answers]

    assert len(set(asyncio.run(ask()))) == 4


def test_a_conversation_can_be_listed_read_and_deleted(client: SMEPlug) -> None:
    answer = client.chat("What interest is due on late payment?", plugin_id="legal-v1")
    assert answer.session_id in [session.id for session in client.sessions.list()]
    assert client.sessions.get(answer.session_id).messages
    client.sessions.delete(answer.session_id)
    with pytest.raises(APIError) as caught:
        client.sessions.get(answer.session_id)
    assert caught.value.status == 404


def test_a_repeated_request_is_not_charged_again(client: SMEPlug) -> None:
    first = client.chat("What interest is due on late payment?", plugin_id="legal-v1", idempotency_key="once")
    balance = client.credits.balance().available
    again = client.chat("What interest is due on late payment?", plugin_id="legal-v1", idempotency_key="once")
    assert again.id == first.id
    assert client.credits.balance().available == balance
