"""The embeddings format."""

import json

import pytest
from openai.types import CreateEmbeddingResponse

from patchbay.lib.errors import InvalidError
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Head, Target, TokenUsage
from patchbay.products.gateway.wire.embeddings import WIRE


def answer(**fields):
    known = {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1e-3]}],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }
    return json.dumps(known | fields).encode()


@pytest.mark.parametrize("given", ["text", ["a", "b"], [1, 2, 3], [[1, 2], [3]]])
def test_text_and_tokens_are_read(given):
    assert WIRE.read(json.dumps({"model": "m", "input": given}).encode()) == Head("m", max_output_tokens=0)


@pytest.mark.parametrize(
    ("request_", "at"),
    [
        ({"model": "m"}, "input"),
        ({"model": "m", "input": ""}, "input"),
        ({"model": "m", "input": []}, "input"),
        ({"model": "m", "input": [1.5]}, "input[0]"),
        ({"model": "", "input": "a"}, "model"),
    ],
)
def test_a_wrong_field_is_named(request_, at):
    with pytest.raises(InvalidError) as refusal:
        WIRE.read(json.dumps(request_).encode())
    assert refusal.value.fields[0].field == at


def test_only_the_model_is_written_anew():
    raw = b'{"model":"m","input":["\\u00e9"],"encoding_format":"base64","dimensions":2,"new":1.50}'
    assert WIRE.prepare(raw, WIRE.read(raw), Target("up", 100)) == raw.replace(b'"m"', b'"up"', 1)


def test_usage_is_the_prompt():
    CreateEmbeddingResponse.model_validate_json(answer())
    assert WIRE.read_answer(answer()).usage == TokenUsage(8, 0)
    assert WIRE.read_answer(answer(usage={"prompt_tokens": 0})).usage == TokenUsage(0, 0)
    assert WIRE.read_answer(answer(usage=None)).usage is None


def test_base64_is_an_answer_too():
    assert WIRE.read_answer(answer(data=[{"index": 0, "embedding": "AACAPw=="}])).usage == TokenUsage(8, 0)


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"data":[{}]}', b'{"error":{}}'])
def test_what_is_no_answer_is_broken(raw):
    with pytest.raises(ModelBrokenError):
        WIRE.read_answer(raw)
