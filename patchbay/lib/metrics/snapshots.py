"""One process's numbers at one moment, and how those of several processes become one.

Each worker writes its snapshot into a file of its slot every second; whichever is asked reads them all. A worker that
takes over the slot of a dead one counts on from what that one wrote last, so that no counter falls.
"""

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog

from patchbay.lib.metrics.instruments import Counter, Distribution, Gauge, Histogram, Labels, instruments

EVERY_SECONDS = 1.0
STALE_SECONDS = 5.0
"""A worker that did not write for so long is gone: what it held is not held any more."""

log = structlog.get_logger(__name__)


class Snapshot(msgspec.Struct):
    """Values by instrument and labels; `written_at` in seconds since 1970."""

    written_at: float
    counters: dict[str, dict[Labels, float]]
    histograms: dict[str, dict[Labels, Distribution]]
    gauges: dict[str, dict[Labels, float]]


def take_snapshot() -> Snapshot:
    """Return this process's numbers as they are now; any thread may ask."""
    found = list(instruments.values())
    return Snapshot(
        time.time(),
        {each.name: dict(each.values) for each in found if isinstance(each, Counter)},
        {each.name: dict(each.values) for each in found if isinstance(each, Histogram)},
        {each.name: each.values for each in found if isinstance(each, Gauge)},
    )


def fold(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Add up the numbers of several processes; gauges only of those that live."""
    now = time.time()
    whole = Snapshot(now, {}, {}, {})
    for snapshot in snapshots:
        for name, values in snapshot.counters.items():
            _add(whole.counters.setdefault(name, {}), values)
        for name, distributions in snapshot.histograms.items():
            _merge(whole.histograms.setdefault(name, {}), distributions)
        if now - snapshot.written_at < STALE_SECONDS:
            for name, values in snapshot.gauges.items():
                gauge = instruments.get(name)
                highest = isinstance(gauge, Gauge) and gauge.fold == "max"
                (_raise if highest else _add)(whole.gauges.setdefault(name, {}), values)
    return whole


def _add(into: dict[Labels, float], values: dict[Labels, float]) -> None:
    for labels, value in values.items():
        into[labels] = into.get(labels, 0) + value


def _raise(into: dict[Labels, float], values: dict[Labels, float]) -> None:
    for labels, value in values.items():
        into[labels] = max(into.get(labels, value), value)


def _merge(into: dict[Labels, Distribution], values: dict[Labels, Distribution]) -> None:
    for labels, value in values.items():
        known = into.get(labels)
        if known is None or len(known.buckets) != len(value.buckets):  # another version's buckets
            into[labels] = Distribution(list(value.buckets), value.total)
        else:
            known.buckets = [mine + theirs for mine, theirs in zip(known.buckets, value.buckets, strict=True)]
            known.total += value.total


class Board:
    """Where the workers of one server put their snapshots: `folder` is theirs alone, `slot` this worker's name."""

    def __init__(self, folder: Path, slot: str) -> None:
        self._folder = folder
        self._mine = folder / f"{slot}.metrics"
        self._before = _read(self._mine) or Snapshot(0.0, {}, {}, {})
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Write at once, then every second."""
        self._write()
        self._thread.start()

    def stop(self) -> None:
        """Write a last time."""
        self._stop.set()
        self._thread.join()
        self._write()

    def whole(self) -> Snapshot:
        """Return the numbers of all workers, this one's as they are now."""
        others = (_read(path) for path in self._folder.glob("*.metrics") if path != self._mine)
        return fold([self._own(), *(snapshot for snapshot in others if snapshot is not None)])

    def _own(self) -> Snapshot:
        return fold([self._before, take_snapshot()])

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self._write()
            except Exception:  # a full disk must not end it for good
                log.exception("metrics_not_written")

    def _write(self) -> None:
        fresh = self._mine.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(msgspec.msgpack.encode(self._own()))
        fresh.replace(self._mine)


def _read(path: Path) -> Snapshot | None:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Snapshot)
    except (OSError, msgspec.DecodeError):
        return None


_board: Board | None = None


def publish(folder: Path, slot: str) -> None:
    """Let this process's numbers be seen by the other workers of its server, and theirs by it."""
    global _board
    _board = Board(folder, slot)
    _board.start()


def withdraw() -> None:
    """Write them a last time; nothing happens where none were published."""
    global _board
    if _board is not None:
        _board.stop()
        _board = None


def read_all() -> Snapshot:
    """Return the numbers of this server: of all its workers, or of this process where it has none beside it."""
    return _board.whole() if _board is not None else fold([take_snapshot()])
