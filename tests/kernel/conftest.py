"""The kernel is tested by itself: what the products above it registered is out of the way."""

import pytest

from patchbay.kernel.keys import scopes


@pytest.fixture(autouse=True)
def _no_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scopes, "_registered", None)
