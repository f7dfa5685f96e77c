"""How often to look whether a document is ready."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

from smeplug._arguments import seconds

_FIRST, _GROWTH, _LONGEST = 0.2, 1.5, 2.0  # most documents are ready within a second or two


def poll_delays(timeout: float) -> Iterator[float]:
    """Seconds to sleep between looks; ends when `timeout` seconds have passed since the first."""
    return _delays(monotonic() + seconds("timeout", timeout))


def _delays(deadline: float) -> Iterator[float]:
    delay = _FIRST
    while (left := deadline - monotonic()) > 0:
        yield min(delay, left)
        delay = min(delay * _GROWTH, _LONGEST)
