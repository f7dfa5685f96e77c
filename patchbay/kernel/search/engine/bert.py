"""A BERT encoder's forward pass in numpy, on memory-mapped safetensors weights.

Architecture: Devlin et al. 2019 (arXiv:1810.04805), post-layer-norm, GELU. Weights stay views of the mapped file, so
that every process of a machine shares one copy of them.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from patchbay.kernel.search.contracts import Floats

EPSILON = np.float32(1e-12)
BLOCK = 32_768  # floats: the working set of the GELU stays in the second-level cache


def map_weights(path: Path) -> dict[str, Floats]:
    """Return the float32 tensors of a safetensors file as read-only views of the mapped file, by name.

    Format: eight bytes of header length (little endian), a JSON header, then the tensors' bytes.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    size = int.from_bytes(mapped[:8], "little")
    header = json.loads(mapped[8 : 8 + size])
    tensors: dict[str, Floats] = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            flat = np.frombuffer(mapped, dtype="<f4", count=(end - start) // 4, offset=8 + size + start)
            tensors[name] = flat.reshape(entry["shape"])
    return tensors


class Bert:
    """The encoder stack: token ids in, one vector in context for each token out.

    Inside, a token is a column: a weight matrix then multiplies from the left as it lies in the file, which for the few
    tokens of a question is a third faster than from the right.
    """

    def __init__(self, weights: Mapping[str, Floats], *, heads: int) -> None:
        self._weights = weights
        self._heads = heads
        self.layers = sum(1 for name in weights if name.endswith("attention.self.query.weight"))
        self.dimensions = int(weights["embeddings.word_embeddings.weight"].shape[1])

    def encode(self, ids: np.ndarray, mask: np.ndarray) -> Floats:
        """Return the last hidden state, shape (batch, length, dimensions).

        `ids` holds token ids, shape (batch, length), padded to the right; `mask` is 1 where a token stands, else 0.
        """
        batch, length = ids.shape
        hidden = self._embed(ids)
        bias = None if mask.all() else ((mask - 1) * 1e9).astype(np.float32)[:, None, None, :]
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}."
            attended = self._attend(hidden, name + "attention.self.", batch, bias)
            attended = self._linear(attended, name + "attention.output.dense")
            attended += hidden
            hidden = self._normalise(attended, name + "attention.output.LayerNorm")
            inner = self._linear(hidden, name + "intermediate.dense")
            gelu_in_place(inner)
            inner = self._linear(inner, name + "output.dense")
            inner += hidden
            hidden = self._normalise(inner, name + "output.LayerNorm")
        return hidden.T.reshape(batch, length, self.dimensions)

    def _embed(self, ids: np.ndarray) -> Floats:
        """Word, position and (first) segment embeddings, shape (dimensions, batch * length)."""
        table = self._weights
        rows: Floats = table["embeddings.word_embeddings.weight"][ids]
        rows += table["embeddings.position_embeddings.weight"][: ids.shape[1]]
        rows += table["embeddings.token_type_embeddings.weight"][0]
        columns = np.ascontiguousarray(rows.reshape(-1, self.dimensions).T)
        return self._normalise(columns, "embeddings.LayerNorm")

    def _attend(self, hidden: Floats, name: str, batch: int, bias: Floats | None) -> Floats:
        """Multi-head scaled dot-product attention, shapes (dimensions, batch * length) in and out."""
        query, key, value = (self._heads_of(hidden, name + part, batch) for part in ("query", "key", "value"))
        query *= np.float32(1 / math.sqrt(query.shape[2]))
        scores = query.transpose(0, 1, 3, 2) @ key
        if bias is not None:
            scores += bias
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        context: Floats = value @ scores.transpose(0, 1, 3, 2)
        return context.transpose(1, 2, 0, 3).reshape(hidden.shape)

    def _heads_of(self, hidden: Floats, name: str, batch: int) -> Floats:
        """Project and split into heads: (batch, heads, dimensions / heads, length)."""
        size = self.dimensions // self._heads
        return self._linear(hidden, name).reshape(self._heads, size, batch, -1).transpose(2, 0, 1, 3)

    def _linear(self, columns: Floats, name: str) -> Floats:
        product: Floats = self._weights[name + ".weight"] @ columns
        product += self._weights[name + ".bias"][:, None]
        return product

    def _normalise(self, columns: Floats, name: str) -> Floats:
        """Layer normalisation of each column, in place."""
        columns -= columns.mean(axis=0)
        variance = np.einsum("ij,ij->j", columns, columns) / np.float32(len(columns))
        columns /= np.sqrt(variance + EPSILON)
        columns *= self._weights[name + ".weight"][:, None]
        columns += self._weights[name + ".bias"][:, None]
        return columns


def gelu_in_place(values: Floats) -> None:
    """Replace each x by x · Φ(x) = max(x, 0) - |x| · Φ(-|x|), in blocks that stay in the processor's cache.

    Φ by Abramowitz & Stegun 7.1.26, whose absolute error (1.5e-7) is that of float32 itself.
    """
    flat = values.reshape(-1)
    buffers = np.empty((3, min(BLOCK, flat.size)), dtype=np.float32)
    for start in range(0, flat.size, BLOCK):
        x = flat[start : start + BLOCK]
        size, t, tail = (buffer[: x.size] for buffer in buffers)
        np.abs(x, out=size)
        np.multiply(size, np.float32(0.3275911 * math.sqrt(0.5)), out=t)
        t += np.float32(1)
        np.divide(np.float32(1), t, out=t)
        np.multiply(t, np.float32(1.061405429 / 2), out=tail)
        for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            tail += np.float32(coefficient / 2)
            tail *= t
        tail *= size
        np.multiply(size, size, out=size)
        size *= np.float32(-0.5)
        np.exp(size, out=size)
        tail *= size
        np.maximum(x, np.float32(0), out=x)
        x -= tail
