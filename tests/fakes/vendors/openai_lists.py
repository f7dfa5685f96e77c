"""OpenAI's embeddings and list of models."""

import base64
import struct
import zlib
from typing import Any

from tests.fakes.vendors.answers import Answer, whole

Body = dict[str, Any]
DIMENSIONS = 4


def embed(body: Body) -> Answer:
    given = body["input"]
    texts = [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else given
    data = [
        {"object": "embedding", "index": index, "embedding": _written(vector(text, body.get("dimensions")), body)}
        for index, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return whole({"object": "list", "data": data, "model": body["model"], "usage": usage})


def vector(text: Any, dimensions: int | None = None) -> list[float]:
    """A vector of small binary fractions, exact as float32 and in JSON."""
    seed = zlib.crc32(str(text).encode())
    return [(seed >> shift & 255) / 64 - 2 for shift in range(dimensions or DIMENSIONS)]


def _written(values: list[float], body: Body) -> Any:
    if body.get("encoding_format") != "base64":
        return values
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def models(names: list[str]) -> Answer:
    data = [{"id": name, "object": "model", "created": 1790000000, "owned_by": "upstream"} for name in names]
    return whole({"object": "list", "data": data})
