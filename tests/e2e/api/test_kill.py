"""`kill -9` under load, ten times: nothing that was answered is lost, doubled or overspent."""

import pytest

from benchmarks import chaos
from tests.instances import DemoInstance


def test_ten_kills_lose_and_double_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "Instance", DemoInstance)
    figures = chaos.run(kills=10, seed=1)
    assert figures["answered"] > 0
    assert {name: figures[name] for name in ("lost", "doubled", "overspent", "refused_wrongly")} == {
        "lost": 0,
        "doubled": 0,
        "overspent": 0,
        "refused_wrongly": 0,
    }
