"""`kill -9` under load, ten times: nothing that was answered is lost, doubled or overspent."""

from benchmarks import chaos


def test_ten_kills_lose_and_double_nothing() -> None:
    figures = chaos.run(kills=10, seed=1)
    assert figures["answered"] > 0
    assert {name: figures[name] for name in ("lost", "doubled", "overspent", "refused_wrongly")} == {
        "lost": 0,
        "doubled": 0,
        "overspent": 0,
        "refused_wrongly": 0,
    }
