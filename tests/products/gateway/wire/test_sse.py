"""Cutting a byte stream into events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import MAX_EVENT_BYTES
from patchbay.products.gateway.wire.sse import (
    FOLD_BYTES,
    EventCutter,
    Kept,
    cut_events,
    find_named_data,
    read_data,
    read_event,
)

EVENTS = st.lists(
    st.sampled_from(
        [
            b"data: 1\n\n",
            b"data: 2\r\n\r\n",
            b"event: ping\ndata: {}\n\n",
            b": comment\n\n",
            b"data: a\ndata: b\r\n\n",
            b"data: 3\n\n\n",
            b"data: 4\r\r",
            b"event: ping\rdata: a\rdata: b\r\r",
            b"event: ping\rdata: {}\n\n",
            b"data: 5\r\r\n",
        ]
    ),
    max_size=6,
)


@pytest.mark.parametrize(
    ("chunk", "data"),
    [
        (b'event: a\ndata: {"b": 1}\n\n', b'{"b": 1}\n\n'),
        (b'event: a\ndata: {"b": 1}', None),
        (b'data: {"b": 1}\n\n', None),
        (b"event: a\n\n", None),
        (b"event: " + b"a" * 200 + b"\ndata: {}\n\n", None),
    ],
)
def test_the_data_of_what_may_be_one_named_event_is_found(chunk, data):
    start = find_named_data(chunk)
    assert (chunk[start:] if start else None) == data


def test_kept_events_are_measured_when_asked_and_before_they_grow():
    measured = []
    kept = Kept(lambda data: measured.append(data) or len(data))
    kept.add(b"data: abc\n\n")
    kept.add(b"data: de\n\n")
    assert measured == []
    assert (kept.measured(), kept.measured()) == (5, 5)
    kept.add(b"data: " + b"x" * FOLD_BYTES + b"\n\n")
    assert len(measured) == 3
    assert kept.measured() == 5 + FOLD_BYTES


def test_several_events_in_one_chunk_come_apart():
    assert EventCutter().feed(b"data: 1\n\n: ping\n\ndata: 2\n\n") == [b"data: 1\n\n", b": ping\n\n", b"data: 2\n\n"]


def test_an_event_with_crlf_line_ends_before_one_without_comes_apart():
    assert EventCutter().feed(b"data: 1\r\n\r\ndata: 2\n\n") == [b"data: 1\r\n\r\n", b"data: 2\n\n"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_event_is_whole_with_its_blank_line_whatever_ends_lines(end):
    cutter = EventCutter()
    first = b"event: a" + end + b"data: 1" + end + end
    assert cutter.feed(first) == [first]
    assert cutter.feed(b"data: 2" + end) == []
    assert cutter.feed(end + first) == [b"data: 2" + end + end, first]
    assert (read_event(first), read_data(first)) == ((b"a", b"1"), b"1")


def test_half_a_line_end_is_no_blank_line():
    cutter = EventCutter()
    assert cutter.feed(b"data: 1\r\rdata: 2\r") == [b"data: 1\r\r"]
    assert cutter.feed(b"\ndata: 3\r\n") == []
    assert cutter.feed(b"\r\n") == [b"data: 2\r\ndata: 3\r\n\r\n"]


def test_a_cr_behind_an_lf_may_be_half_a_line_end_until_more_comes():
    cutter = EventCutter()
    assert cutter.feed(b"event: a\rdata: 1\n\r") == []
    assert cutter.feed(b"data: 2\r\r") == [b"event: a\rdata: 1\n\r", b"data: 2\r\r"]


def test_half_an_event_waits_for_the_rest():
    cutter = EventCutter()
    assert cutter.feed(b"data: 1\n") == []
    assert cutter.feed(b"\ndata") == [b"data: 1\n\n"]
    assert cutter.rest() == b"data\n\n"
    assert cutter.rest() == b""


@given(EVENTS, st.data())
def test_wherever_the_network_cuts_the_events_and_the_bytes_are_the_same(events, data):
    stream = b"".join(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    cutter = EventCutter()
    seen = [
        event
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for event in cutter.feed(stream[start:end])
    ]
    rest = cutter.rest()
    assert rest == b""
    assert b"".join(seen).rstrip(b"\r\n") == stream.rstrip(b"\r\n")
    assert [read_event(event) for event in seen] == [read_event(event) for event in events]


def test_an_event_that_never_ends_breaks_the_call():
    cutter = EventCutter()
    chunk = b"x" * (MAX_EVENT_BYTES // 4)
    for _ in range(4):
        cutter.feed(chunk)
    with pytest.raises(ModelBrokenError):
        cutter.feed(b"x")


@pytest.mark.parametrize(
    ("event", "name", "data"),
    [
        (b"data: {}\n\n", b"", b"{}"),
        (b"data:{}\n\n", b"", b"{}"),
        (b"event: a\r\ndata: 1\r\ndata: 2\r\n\r\n", b"a", b"1\n2"),
        (b": ping\n\n", b"", b""),
        (b"id: 7\ndata: x\n\n", b"", b"x"),
    ],
)
def test_an_event_is_read_by_its_fields(event, name, data):
    assert read_event(event) == (name, data)
    assert read_data(event) == data


def test_whole_events_come_apart_without_a_cutter():
    assert cut_events(b"data: 1\n\ndata: 2\n\n") == [b"data: 1\n\n", b"data: 2\n\n"]
    assert cut_events(b"data: 1\n\n\n") == [b"data: 1\n\n\n"]
    assert cut_events(b"") == []
