"""The request log: successes and failures as one list, kept without holding a request up, and bodies only encrypted."""

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from patchbay.kernel.usage.models import UsageRecord
from patchbay.lib import crypto
from patchbay.lib.errors import NotFoundError
from patchbay.lib.ids import new_id
from patchbay.products.gateway import queries
from patchbay.products.gateway.engine import request_log
from patchbay.products.gateway.engine.request_log import Body, Failure, RequestLog, write
from patchbay.products.gateway.models import FailedRequest, RequestBody
from patchbay.products.gateway.services import rollup

pytestmark = pytest.mark.django_db(transaction=True)
ORGANISATION = "org_requests"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def success(organisation_id: str = ORGANISATION, **terms: Any) -> str:
    request_id = new_id("req")
    values: dict[str, Any] = {
        "model": "gpt",
        "provider": "openai",
        "operation": "chat.completions",
        "environment": "live",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "latency_ms": 120,
        "cost_micro": 30,
        "created_at": NOW,
    }
    UsageRecord.objects.create(request_id=request_id, organisation_id=organisation_id, **values | terms)
    return request_id


def failure(organisation_id: str = ORGANISATION, **terms: Any) -> str:
    values: dict[str, Any] = {"door": "chat.completions", "status": 502, "code": "model_broken", "alias": "gpt"}
    note = Failure(request_id=new_id("req"), organisation_id=organisation_id, **{"created_at": NOW} | values | terms)
    write([note])
    return note.request_id


def test_successes_and_failures_are_one_list_newest_first() -> None:
    ids = [success(), failure(), success(), failure()]
    failure("org_other")
    success("org_other")
    page = queries.list_requests(ORGANISATION)
    assert [view.request_id for view in page.data] == ids[::-1]
    assert [view.failed for view in page.data] == [True, False, True, False]
    assert page.next_cursor is None


def test_a_row_that_stands_for_many_counts_as_many() -> None:
    failure(requests=40, status=429, code="rate_limited")
    failure()
    success()
    [gathered] = [view for view in queries.list_requests(ORGANISATION).data if view.requests > 1]
    assert (gathered.requests, gathered.status) == (40, 429)
    since = NOW - timedelta(hours=1)
    for _ in range(2):  # from the live tail, then from the rows that sum it up
        seen = queries.overview(ORGANISATION, since=since, until=NOW + timedelta(hours=1), step=timedelta(hours=1))
        assert (seen.total.requests, seen.total.errors) == (42, 41)
        rollup.roll_up()


def test_pages_join_without_gap_or_repetition_whatever_is_mixed() -> None:
    ids = [success() if number % 3 else failure() for number in range(20)]
    seen: list[str] = []
    cursor = None
    for _ in range(20):
        page = queries.list_requests(ORGANISATION, limit=3, cursor=cursor)
        assert len(page.data) <= 3
        seen += [view.request_id for view in page.data]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == ids[::-1]


def test_filters_hold_for_both_kinds() -> None:
    wanted = [success(key_id="key_1", model="a"), failure(key_id="key_1", alias="a")]
    success(key_id="key_2", model="a")
    failure(key_id="key_1", alias="b")
    late = success(key_id="key_1", model="a", created_at=NOW + timedelta(hours=1))

    def listed(**conditions: Any) -> list[str]:
        return [view.request_id for view in queries.list_requests(ORGANISATION, **conditions).data]

    assert listed(key_id="key_1", model="a", until=NOW + timedelta(minutes=1)) == wanted[::-1]
    assert listed(since=NOW + timedelta(minutes=1)) == [late]
    assert listed(request_id=wanted[1]) == [wanted[1]]
    assert all(view.failed for view in queries.list_requests(ORGANISATION, outcome="failed").data)
    assert not any(view.failed for view in queries.list_requests(ORGANISATION, outcome="succeeded").data)


def test_a_success_shows_what_the_engine_wrote_of_it() -> None:
    detail = (
        '{"target":"openai/gpt-4o","first_ms":80,"tries":'
        '[{"provider":"azure","model":"g","status":429,"error":"model_busy","milliseconds":12},'
        '{"provider":"openai","model":"gpt-4o","status":200,"error":"","milliseconds":100}]}'
    )
    found = queries.get_request(ORGANISATION, success(detail=detail, counts='{"reasoning_tokens":3}', tries=2)).request
    assert (found.target, found.first_ms, found.tries_made) == ("openai/gpt-4o", 80, 2)
    assert [(each.provider, each.status, each.error) for each in found.tries] == [
        ("azure", 429, "model_busy"),
        ("openai", 200, ""),
    ]
    assert found.tokens == {"prompt_tokens": 10, "completion_tokens": 5, "reasoning_tokens": 3}
    foreign = queries.get_request(ORGANISATION, success(detail='["of another product"]')).request
    assert foreign.tries == ()


def test_a_failure_shows_what_was_said_and_tried() -> None:
    tried = SimpleNamespace(provider="openai", model="gpt-4o", status=500, error="provider_failed", milliseconds=7)
    log = RequestLog()
    log.note_failure(
        Failure(
            request_id="req_1",
            organisation_id=ORGANISATION,
            door="messages",
            status=503,
            code="model_unavailable",
            message="It does not\0 answer. " * 60,
            alias="gpt",
            tries=[vars(tried)],
        )
    )
    assert log.flush()
    assert log.counts.written == 1
    found = queries.get_request(ORGANISATION, "req_1").request
    assert (found.status, found.code, found.door, found.failed) == (503, "model_unavailable", "messages", True)
    assert (found.tries[0].status, found.provider) == (500, "openai")
    assert len(found.message) == 500
    with pytest.raises(NotFoundError):
        queries.get_request("org_other", "req_1")


def test_the_same_failure_twice_is_one() -> None:
    note = Failure(request_id="req_1", organisation_id=ORGANISATION, door="chat", status=500, code="x")
    write([note])
    write([note])
    assert FailedRequest.objects.count() == 1


def test_bodies_lie_encrypted_and_are_read_by_their_organisation_until_they_expire() -> None:
    request_id = success()
    log = RequestLog()
    log.note_body(Body(request_id, ORGANISATION, b'{"secret":"question"}', "antwort ü".encode(), days=3))
    assert log.flush()
    row = RequestBody.objects.get()
    assert b"question" not in bytes(row.encrypted)
    assert queries.get_request(ORGANISATION, request_id).body is None, "only when asked for"
    found = queries.get_request(ORGANISATION, request_id, with_body=True)
    assert found.body is not None
    assert (found.body.request, found.body.answer, found.body.cut) == ('{"secret":"question"}', "antwort ü", False)
    assert found.body_expires_at is not None
    assert timedelta(days=2, hours=23) < found.body_expires_at - datetime.now(UTC) <= timedelta(days=3)
    RequestBody.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert rollup.prune() == 1
    assert queries.get_request(ORGANISATION, request_id, with_body=True).body is None


def test_a_body_that_is_too_long_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "MAX_BODY_BYTES", 10)
    request_id = success()
    write([Body(request_id, ORGANISATION, b"x" * 11, b"", days=1)])
    body = queries.get_request(ORGANISATION, request_id, with_body=True).body
    assert body is not None
    assert (body.request, body.cut) == ("x" * 10, True)


def test_a_body_whose_key_is_gone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    request_id = success()
    write([Body(request_id, ORGANISATION, b"q", b"a", days=1)])

    def unreadable(_: object) -> bytes:
        raise crypto.UnreadableError

    monkeypatch.setattr(crypto, "decrypt", unreadable)
    found = queries.get_request(ORGANISATION, request_id, with_body=True)
    assert (found.body, found.body_lost) == (None, True)


def test_a_full_queue_drops_notes_and_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    held, release = threading.Event(), threading.Event()

    def slow(notes: list[Any]) -> None:
        held.set()
        release.wait(10)

    monkeypatch.setattr(request_log, "write", slow)
    monkeypatch.setattr(request_log, "MAX_QUEUED", 5)
    monkeypatch.setattr(request_log, "MAX_QUEUED_BYTES", 100)
    log = RequestLog()
    note = Failure(request_id="r", organisation_id=ORGANISATION, door="chat", status=500, code="x")
    log.note_failure(note)
    assert held.wait(10)
    log.note_body(Body("r", ORGANISATION, b"x" * 101, b"", days=1))
    for _ in range(8):
        log.note_failure(note)
    assert log.counts.dropped == 4
    release.set()
    assert log.flush()
    assert log.counts.written == 6


def test_a_database_that_is_away_costs_notes_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(notes: list[Any]) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(request_log, "write", away)
    monkeypatch.setattr(request_log, "GATHER_SECONDS", 0.001)
    log = RequestLog()
    note = Failure(request_id="r", organisation_id=ORGANISATION, door="chat", status=500, code="x")
    log.note_failure(note)
    assert log.flush()
    assert (log.counts.written, log.counts.dropped) == (0, 1)
    monkeypatch.undo()
    log.note_failure(note)
    assert log.flush()
    assert (log.counts.written, FailedRequest.objects.count()) == (1, 1)


def test_old_failures_go() -> None:
    failure(created_at=datetime.now(UTC) - rollup.FAILURES_KEPT - timedelta(hours=1))
    kept = failure(created_at=datetime.now(UTC))
    assert rollup.prune() == 1
    assert FailedRequest.objects.get().request_id == kept
