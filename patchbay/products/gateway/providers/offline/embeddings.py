"""Embeddings by the built-in encoder, in OpenAI's shape: texts in, unit vectors out, as floats or base64."""

import base64
from typing import Any

import msgspec

from patchbay.kernel.plans.contracts import BYTES_PER_TOKEN
from patchbay.kernel.search.embedder import get_word_embedder
from patchbay.lib.errors import FieldError
from patchbay.lib.money import ceil_div
from patchbay.products.gateway.errors import ModelUnavailableError
from patchbay.products.gateway.wire.contracts import Body, UnsupportedError

MAX_TEXTS = 256


def embed(body: Body) -> bytes:
    """Return the answer to an embeddings request. Blocking.

    UnsupportedError names what the encoder does not do (tokens, other dimensions); ModelUnavailableError without the
    `semantic` extra.
    """
    texts = _texts(body["input"])
    encoder = get_word_embedder()
    if encoder is None:
        raise ModelUnavailableError("This Patchbay was installed without the `semantic` extra: it has no embeddings.")
    if body.get("dimensions") not in (None, encoder.dimensions):
        raise _unsupported("dimensions", f"The built-in encoder gives {encoder.dimensions} dimensions.")
    vectors = encoder.embed(texts)
    as_base64 = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _shown(vectors, index, as_base64=as_base64)}
        for index in range(len(texts))
    ]
    tokens = sum(ceil_div(len(text.encode("utf-8", "surrogatepass")), BYTES_PER_TOKEN) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": body["model"], "usage": usage})


def _texts(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not all(isinstance(text, str) and text for text in texts):
        raise _unsupported("input", "The built-in encoder takes texts that are not empty, no tokens.")
    if len(texts) > MAX_TEXTS:
        raise _unsupported("input", f"The built-in encoder takes at most {MAX_TEXTS} texts at once.")
    return texts


def _shown(vectors: Any, index: int, *, as_base64: bool) -> Any:
    vector = vectors[index]
    return base64.b64encode(vector.astype("<f4").tobytes()).decode() if as_base64 else vector.tolist()


def _unsupported(field: str, message: str) -> UnsupportedError:
    return UnsupportedError(message, fields=(FieldError(field, message),))
