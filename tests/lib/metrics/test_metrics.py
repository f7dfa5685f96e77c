"""Numbers in memory, folded over processes, in Prometheus's format."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from patchbay.lib.metrics import instruments, snapshots
from patchbay.lib.metrics.exposition import expose
from patchbay.lib.metrics.instruments import Counter, Gauge, Histogram
from patchbay.lib.metrics.snapshots import Board, Snapshot, fold, take_snapshot

Samples = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments, "instruments", {})
    monkeypatch.setattr(snapshots, "instruments", instruments.instruments)
    monkeypatch.setattr("patchbay.lib.metrics.exposition.instruments", instruments.instruments)


@pytest.fixture
def calls() -> Counter:
    return Counter("calls", "Calls", ("model",))


@pytest.fixture
def seconds() -> Histogram:
    return Histogram("seconds", "Times", ("model",), bounds=(0.1, 1.0))


def samples(snapshot: Snapshot) -> Samples:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(expose(snapshot).decode())
        for sample in family.samples
    }


def test_a_counter_is_told_by_its_labels(calls: Counter) -> None:
    calls.inc("a")
    calls.inc("a", by=2)
    calls.inc('b"\n')
    assert samples(take_snapshot()) == {("calls_total", ("a",)): 3, ("calls_total", ('b"\n',)): 1}


def test_a_value_on_a_bound_is_below_it_and_buckets_add_up(seconds: Histogram) -> None:
    for value in (0.1, 0.5, 1.0, 7.0):
        seconds.observe(value, "a")
    found = samples(take_snapshot())
    assert [found["seconds_bucket", (bound, "a")] for bound in ("0.1", "1.0", "+Inf")] == [1, 3, 4]
    assert found["seconds_count", ("a",)] == 4
    assert found["seconds_sum", ("a",)] == pytest.approx(8.6)


def test_a_gauge_is_read_when_asked_for() -> None:
    held, open_now = Gauge("held", "Held"), {"p": 2.0}
    Gauge("breaker", "State", ("provider",), fold="max").watch(lambda: open_now)
    assert samples(take_snapshot()) == {("breaker", ("p",)): 2}
    held.watch(lambda: 7)
    assert samples(take_snapshot())["held", ()] == 7


def test_clients_cannot_make_memory_grow(calls: Counter, seconds: Histogram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments, "MAX_SERIES", 3)
    for number in range(10):
        calls.inc(f"m{number}")
        seconds.observe(0.5, f"m{number}")
    assert calls.values == {("m0",): 1, ("m1",): 1, ("m2",): 1, ("other",): 7}
    assert sum(seconds.values["other",].buckets) == 7


def test_two_metrics_of_one_name_are_a_mistake(calls: Counter) -> None:
    with pytest.raises(ValueError, match="two metrics calls"):
        Gauge("calls", "Calls")


@pytest.fixture
def boards(tmp_path: Path) -> Iterator[tuple[Board, Board]]:
    """Two workers of one server; in this test both count in the same instruments."""
    found = (Board(tmp_path, "0"), Board(tmp_path, "1"))
    for board in found:
        board.start()
    yield found
    for board in found:
        board.stop()


def test_whoever_is_asked_answers_for_all(
    calls: Counter, seconds: Histogram, boards: tuple[Board, Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls.inc("a")
    seconds.observe(0.5, "a")
    boards[1].stop()
    monkeypatch.setattr(calls, "values", {("a",): 4.0})  # the other process's
    found = samples(boards[0].whole())
    assert found["calls_total", ("a",)] == 5
    assert found["seconds_count", ("a",)] == 2


def test_who_takes_a_slot_over_counts_on(calls: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls.inc("a", by=3)
    first = Board(tmp_path, "0")
    first.start()
    first.stop()
    monkeypatch.setattr(calls, "values", {})  # a new process
    second = Board(tmp_path, "0")
    assert samples(second.whole()) == {("calls_total", ("a",)): 3}
    calls.inc("a")
    assert samples(second.whole()) == {("calls_total", ("a",)): 4}


def test_what_a_dead_worker_held_is_not_held() -> None:
    held = Gauge("held", "Held")
    held.watch(lambda: 5)
    alive, dead = take_snapshot(), take_snapshot()
    dead.written_at -= 60
    assert samples(fold([alive, dead])) == {("held", ()): 5}
    assert samples(fold([alive, take_snapshot()])) == {("held", ()): 10}


def test_the_worst_state_counts_where_states_are_told() -> None:
    state = {"p": 0.0}
    Gauge("breaker", "State", ("provider",), fold="max").watch(lambda: dict(state))
    closed = take_snapshot()
    state["p"] = 2.0
    assert samples(fold([take_snapshot(), closed])) == {("breaker", ("p",)): 2}


def test_a_broken_file_is_passed_over(calls: Counter, tmp_path: Path) -> None:
    (tmp_path / "7.metrics").write_bytes(b"nonsense")
    calls.inc("a")
    assert samples(Board(tmp_path, "0").whole()) == {("calls_total", ("a",)): 1}
