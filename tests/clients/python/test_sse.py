"""The event stream parser: the same events however the bytes were cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from smeplug._sse import ServerSentEvent, SSEParser

LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
NAME = LINE.filter(lambda name: name != "")
EVENT = st.builds(ServerSentEvent, NAME, st.lists(LINE, min_size=1, max_size=3).map("\n".join))
NOISE = st.sampled_from(["", ": ping", ":", "id: 7", "retry: 10", "unknown: x", "nocolon"])
END = st.sampled_from(["\n", "\r\n", "\r"])


def parse(*chunks: bytes) -> list[ServerSentEvent]:
    parser = SSEParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[ServerSentEvent], bytes]:
    """Events, and one of the many ways to write them."""
    events = draw(st.lists(EVENT, max_size=4))
    text = draw(st.sampled_from(["", "\ufeff"]))
    for event in events:
        lines = [draw(NOISE), f"event: {event.event}", draw(NOISE)]
        lines += [f"data: {part}" for part in event.data.split("\n")]
        lines = [line for line in lines if line] + [""]
        end = draw(END)  # one per event: a CR before a LF would be one line end, not two
        text += "".join(line + end for line in lines)
    return events, text.encode()


@given(streams(), st.data())
def test_events_come_out_as_they_went_in_wherever_the_bytes_are_cut(
    stream: tuple[list[ServerSentEvent], bytes], data: st.DataObject
) -> None:
    events, body = stream
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    chunks = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert parse(*chunks) == events


@given(streams())
def test_byte_by_byte_is_no_different(stream: tuple[list[ServerSentEvent], bytes]) -> None:
    events, body = stream
    assert parse(*(bytes([byte]) for byte in body)) == events


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(body: bytes) -> None:
    parse(body, b"\n\n")
    assert parse(body + b"\n\nevent: x\ndata: 1\n\n")[-1] == ServerSentEvent("x", "1")


def test_an_event_is_given_out_with_its_blank_line_not_later() -> None:
    parser = SSEParser()
    assert list(parser.feed(b"data: 1\r\n\r")) == [ServerSentEvent("message", "1")]
    assert list(parser.feed(b"\ndata: 2\n\n")) == [ServerSentEvent("message", "2")]


def test_what_the_end_cuts_off_is_dropped() -> None:
    assert parse(b"data: 1\n\ndata: 2\n") == [ServerSentEvent("message", "1")]


def test_an_event_without_data_is_none_and_leaves_no_name_behind() -> None:
    assert parse(b"event: x\n\ndata: 1\n\n") == [ServerSentEvent("message", "1")]


def test_only_one_space_is_taken_and_empty_lines_of_data_stay() -> None:
    assert parse(b"data:  a\ndata\ndata:b\n\n") == [ServerSentEvent("message", " a\n\nb")]


def test_line_ends_of_unicode_do_not_end_a_line() -> None:
    text = "a\u2028b\u0085c\x0bd"
    assert parse(f"data: {text}\n\n".encode()) == [ServerSentEvent("message", text)]
