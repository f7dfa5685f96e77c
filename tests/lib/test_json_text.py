"""JSON bodies: read, or refused with the field and the fault."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.lib.errors import AppError, BadRequestError, InvalidError
from patchbay.lib.json_text import fault_of, load_json

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


@given(VALUES)
def test_whatever_is_json_is_read_as_it_is(value: object) -> None:
    assert load_json(json.dumps(value).encode()) == value
    assert load_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("body", "kind", "field", "words"),
    [
        (rb'{"a": {"b": ["x", "\ud83d"]}}', InvalidError, "a.b[1]", "surrogate"),
        (rb'{"a": {"\udc00": 1}}', InvalidError, "a", "surrogate"),
        (rb'"\ud800"', InvalidError, "body", "surrogate"),
        (rb'{"a": "b\u0000"}', InvalidError, "a", "NUL"),
        (b'{"a": [{"b": "\xc3"}]}', BadRequestError, "a[0].b", "UTF-8 at byte 14"),
        (b"\xc3", BadRequestError, "body", "UTF-8 at byte 0"),
    ],
)
def test_a_text_that_cannot_be_kept_is_named(body: bytes, kind: type[AppError], field: str, words: str) -> None:
    with pytest.raises(kind) as caught:
        load_json(body)
    [fault] = caught.value.fields
    assert fault.field == field
    assert words in fault.message
    assert caught.value.next_step


@pytest.mark.parametrize("body", [b"", b"{", b"[1,]", b"[" * 100_000])
def test_what_is_no_json_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequestError, match="not valid JSON"):
        load_json(body)


def test_a_pair_of_halves_is_a_character() -> None:
    assert load_json(rb'"\ud83d\ude00"') == "\N{GRINNING FACE}"


def test_a_fault_that_only_the_decoder_knows_is_told_in_its_words() -> None:
    assert "deep inside" in str(fault_of(b"{}", ValueError("deep inside")))
