"""Embeddings of the built-in model, in OpenAI's shape."""

import base64
import json
import math

import numpy as np
import pytest

from patchbay.products.gateway.providers.offline.embeddings import MAX_TEXTS, embed
from patchbay.products.gateway.wire.contracts import UnsupportedError
from patchbay.products.gateway.wire.table import WIRES


def answer(**body: object) -> dict:  # type: ignore[type-arg]
    raw = embed({"model": "patchbay/offline"} | body)
    assert WIRES["embeddings"].read_answer(raw).usage is not None
    return json.loads(raw)


def test_each_text_has_a_unit_vector_in_its_order() -> None:
    two = answer(input=["the cat sat", "invoices are due"])
    assert [each["index"] for each in two["data"]] == [0, 1]
    assert all(math.isclose(np.linalg.norm(each["embedding"]), 1, rel_tol=1e-3) for each in two["data"])
    alone = answer(input="invoices are due")
    assert np.allclose(alone["data"][0]["embedding"], two["data"][1]["embedding"], atol=1e-5)
    assert two["usage"] == {"prompt_tokens": 3 + 4, "total_tokens": 7}


def test_base64_holds_the_same_floats() -> None:
    plain = answer(input="the cat sat")["data"][0]["embedding"]
    packed = answer(input="the cat sat", encoding_format="base64")["data"][0]["embedding"]
    assert np.allclose(np.frombuffer(base64.b64decode(packed), "<f4"), plain)


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("input", {"input": [[1, 2, 3]]}),
        ("input", {"input": [1, 2]}),
        ("input", {"input": ["fine", ""]}),
        ("input", {"input": ["x"] * (MAX_TEXTS + 1)}),
        ("dimensions", {"input": "x", "dimensions": 7}),
    ],
)
def test_what_it_does_not_do_is_refused_by_name(field: str, body: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(UnsupportedError) as refused:
        answer(**body)
    assert refused.value.fields[0].field == field
