"""An answer that arrives in pieces."""

from __future__ import annotations

from typing import Any

import pytest
from smeplug import (
    AuthenticationError,
    CitationEvent,
    Delta,
    InvalidResponseError,
    ServiceUnavailableError,
    StreamInterruptedError,
    StreamNotFinishedError,
)

from tests.fakes.patchbay_api import PRICE, QUOTE, BreakStream, Drop, Fail, FakePatchbay, frame


def test_the_pieces_make_the_answer(plug: Any, fake: FakePatchbay) -> None:
    with plug.stream("When?", session_id="ses_2") as stream:
        events = list(stream)
    text = "".join(event.text for event in events if isinstance(event, Delta))
    assert text == stream.answer.answer == "On thirty days’ notice [1]. You asked: When?"
    assert [e.citation.quote for e in events if isinstance(e, CitationEvent)] == [QUOTE]
    assert (stream.answer.session_id, stream.answer.request_id) == ("ses_2", "req_1")
    assert fake.requests[0].json["stream"] is True


def test_a_stream_can_be_read_without_with(plug: Any) -> None:
    stream = plug.stream("When?")
    assert len(list(stream)) == 3
    assert stream.answer.outcome == "answered"


def test_the_answer_is_not_there_before_the_end(plug: Any, fake: FakePatchbay) -> None:
    with plug.stream("When?") as stream:
        next(iter(stream))
        with pytest.raises(StreamNotFinishedError):
            _ = stream.answer
    assert plug.chat("Still usable?").outcome == "answered"


@pytest.mark.parametrize("politely", [True, False])
def test_a_stream_that_ends_without_done_is_interrupted(plug: Any, fake: FakePatchbay, politely: bool) -> None:
    fake.fail_next(BreakStream(frames=2, politely=politely))
    seen: list[Any] = []
    with pytest.raises(StreamInterruptedError) as caught:
        seen.extend(plug.stream("When?"))
    assert seen == [Delta("On thirty")]
    assert caught.value.request_id == "req_1"
    assert caught.value.idempotency_key == fake.requests[0].headers["idempotency-key"]
    assert len(fake.requests) == 1


def test_asking_again_with_the_key_of_a_broken_stream_is_charged_once(plug: Any, fake: FakePatchbay) -> None:
    fake.fail_next(BreakStream(frames=2))
    broken = plug.stream("When?")
    with pytest.raises(StreamInterruptedError):
        list(broken)
    again = plug.stream("When?", idempotency_key=broken.idempotency_key)
    assert len(list(again)) == 3
    assert fake.spent == PRICE


def test_an_error_event_is_raised_after_what_came_before_it(plug: Any, fake: FakePatchbay) -> None:
    fake.stream_tail = [frame("error", {"status": 503, "code": "writer_down", "title": "Down", "detail": "Later."})]
    seen: list[Any] = []
    with pytest.raises(ServiceUnavailableError, match="503 writer_down: Later") as caught:
        seen.extend(plug.stream("When?"))
    assert caught.value.request_id == "req_1"
    assert [type(event) for event in seen] == [Delta, Delta, CitationEvent]


def test_an_event_that_is_not_json_is_said_so(plug: Any, fake: FakePatchbay) -> None:
    fake.stream_tail = [b"event: done\ndata: {broken\n\n"]
    with pytest.raises(InvalidResponseError, match="done event is not JSON"):
        list(plug.stream("When?"))


def test_a_success_that_is_no_stream_is_said_so(plug: Any, fake: FakePatchbay) -> None:
    fake.fail_next(Fail(200, body=b"<html>"))
    with pytest.raises(InvalidResponseError, match="text/html"), plug.stream("When?"):
        pass


def test_a_refusal_is_raised_on_entering(connect: Any, fake: FakePatchbay) -> None:
    with (
        pytest.raises(AuthenticationError, match="invalid_api_key"),
        connect(api_key="sme_test_wrong").stream("When?"),
    ):
        pass


def test_opening_a_stream_is_retried_under_one_key(plug: Any, fake: FakePatchbay, slept: list[float]) -> None:
    fake.fail_next(Fail(503), Drop(after=True))
    with plug.stream("When?") as stream:
        list(stream)
    assert len({seen.headers["idempotency-key"] for seen in fake.requests}) == 1
    assert (len(fake.requests), len(slept), fake.spent) == (3, 2, PRICE)
