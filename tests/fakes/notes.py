"""A request log in memory."""

from typing import Any

import pytest

from patchbay.products.gateway.engine import failures, overruns
from patchbay.products.gateway.engine.failures import Refusals


class Notes:
    """Stands in for the request log."""

    def __init__(self) -> None:
        self.failures: list[Any] = []
        self.bodies: list[Any] = []
        self.overruns: list[Any] = []

    def note_failure(self, failure: Any) -> None:
        self.failures.append(failure)

    def note_overrun(self, overrun: Any) -> None:
        self.overruns.append(overrun)

    def note_body(self, body: Any) -> None:
        self.bodies.append(body)


def take_notes(monkeypatch: pytest.MonkeyPatch, notes: Notes) -> None:
    """Let failures be noted there, gathered as they are for the real one."""
    monkeypatch.setattr(failures, "REQUEST_LOG", notes)
    monkeypatch.setattr(overruns, "REQUEST_LOG", notes)
    monkeypatch.setattr(failures, "REFUSALS", Refusals(notes.note_failure))
