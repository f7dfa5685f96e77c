"""Which format a provider is asked in."""

import pytest

from patchbay.lib.errors import BadRequestError
from patchbay.products.gateway.wire.contracts import Target, UnsupportedError
from patchbay.products.gateway.wire.table import WIRES, find_translation, translate_body


@pytest.mark.parametrize("name", list(WIRES))
def test_each_wire_goes_by_its_name_and_is_spoken_as_it_is(name):
    assert WIRES[name].name == name
    assert find_translation(name, frozenset(WIRES)) == (name, None)


@pytest.mark.parametrize(
    ("asked", "spoken", "target"), [("chat", {"messages"}, "messages"), ("messages", {"chat"}, "chat")]
)
def test_a_translation_is_found_where_the_format_is_not_spoken(asked, spoken, target):
    found, translation = find_translation(asked, frozenset(spoken))
    assert found == target
    assert translation is not None


@pytest.mark.parametrize(("asked", "spoken"), [("embeddings", {"messages"}), ("chat", {"embeddings"}), ("chat", set())])
def test_where_no_way_leads_the_model_is_refused(asked, spoken):
    with pytest.raises(UnsupportedError) as refusal:
        find_translation(asked, frozenset(spoken))
    assert refusal.value.fields[0].field == "model"


def test_a_body_nested_too_deeply_to_be_translated_is_refused():
    schema = b'{"a":' * 900 + b"1" + b"}" * 900
    body = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],'
    body += b'"output_config":{"format":{"type":"json_schema","schema":' + schema + b"}}}"
    spoken, translation = find_translation("messages", frozenset({"chat"}))
    with pytest.raises(BadRequestError):
        translate_body(
            body,
            WIRES["messages"].read(body),
            Target("m", 9),
            asked="messages",
            spoken=spoken,
            translation=translation,
        )
