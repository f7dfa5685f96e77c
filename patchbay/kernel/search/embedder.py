"""The embedder of this process: the built-in one, or another that a package above registered.

The built-in one is loaded on the first call, at most once; without the `semantic` extra there is none, and search
works by keyword alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from patchbay.kernel.search.contracts import Embedder, WordEmbedder
from patchbay.kernel.search.engine import weights

_lock = threading.Lock()
_provider: Callable[[], Embedder | None] | None = None
_local: WordEmbedder | None = None


def set_provider(provider: Callable[[], Embedder | None] | None) -> None:
    """Let `provider` give the embedder from now on (it may return None); None goes back to the built-in one."""
    global _provider
    _provider = provider


def get_embedder() -> Embedder | None:
    """Return what embeds documents and queries; None when there is nothing."""
    return _provider() if _provider else get_word_embedder()


def get_word_embedder() -> WordEmbedder | None:
    """Return the built-in encoder, loading it on the first call (about 0.2 s); None without the `semantic` extra."""
    global _local
    if _local is None:
        with _lock:
            if _local is None:
                _local = _load()
    return _local


def has_embedder() -> bool:
    """Tell whether documents are embedded here, without loading what embeds them."""
    return _provider() is not None if _provider else weights.find_model() is not None


def _load() -> WordEmbedder | None:
    from patchbay.kernel.search.engine import encoder  # here, because it imports numpy

    folder = weights.find_model()
    return encoder.MiniLM(folder) if folder else None
