"""How long a request is where nobody counted its tokens: all that the model reads, and nothing that ends the bill."""

import json
from typing import Any

import pytest

from patchbay.products.gateway.engine.prompt_size import estimate, prompt_bytes

PICTURE = "A" * 4000


def request(*parts: dict[str, Any]) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": list(parts)}]}).encode()


def test_texts_count_by_their_utf8_bytes() -> None:
    assert prompt_bytes(request({"type": "text", "text": "née"})) == 4
    assert prompt_bytes(b'{"system": "ab", "tools": [{"name": "f"}], "metadata": {"x": "not read"}}') == 3


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PICTURE}},
        {"type": "input_audio", "input_audio": {"data": PICTURE, "format": "wav"}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PICTURE}"}},
        {"type": "tool_result", "content": [{"type": "image", "source": {"type": "base64", "data": PICTURE}}]},
    ],
)
def test_the_bytes_of_pictures_documents_and_sounds_are_no_text(part: dict[str, Any]) -> None:
    assert prompt_bytes(request(part)) < 100


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": "data: " + PICTURE},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": PICTURE}},
        {"type": "tool_use", "input": {"type": "base64", "data": PICTURE}},
    ],
)
def test_what_only_looks_like_a_picture_is_text(part: dict[str, Any]) -> None:
    assert prompt_bytes(request(part)) >= len(PICTURE)


def test_tokens_that_stand_as_numbers_count_as_tokens() -> None:
    assert estimate(b'{"input": [[1, 2, 3], [40000]]}', 0).prompt == 4
    assert estimate(b'{"input": [1, 2, 3]}', 0).prompt == 3


def test_no_request_that_a_provider_served_is_without_a_size() -> None:
    strange = b'{"messages": [{"role": "user", "content": "hi"}], "seed": 1e999}'
    assert prompt_bytes(strange) == len(strange)
    deep = b'{"input": ' + b'{"a": ' * 900 + b'"four"' + b"}" * 900 + b"}"
    assert prompt_bytes(deep) == 4
