"""One process checkpoints, and the WAL stays small whatever is written."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings

from patchbay.lib import sqlite
from patchbay.lib.sqlite import Checkpointer

MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "EVERY", 0.02)
    monkeypatch.setattr(sqlite, "TRUNCATE_ABOVE", MEGABYTE)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "db.sqlite3"
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE logs (body BLOB)")
    return path


@pytest.fixture
def start() -> Iterator[Callable[[Path], Checkpointer]]:
    started: list[Checkpointer] = []

    def run(path: Path) -> Checkpointer:
        started.append(Checkpointer(path))
        started[-1].start()
        return started[-1]

    yield run
    for checkpointer in started:
        checkpointer.stop()


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def wal_size(path: Path) -> int:
    wal = Path(f"{path}-wal")
    return wal.stat().st_size if wal.exists() else 0


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.01)


def write(connection: sqlite3.Connection, megabytes: int) -> None:
    for _ in range(megabytes * 16):
        connection.execute("INSERT INTO logs VALUES (zeroblob(65536))")


def test_without_it_the_wal_keeps_everything_that_was_written(database: Path) -> None:
    with closing(connect(database)) as writer:
        write(writer, 8)
        assert wal_size(database) > 8 * MEGABYTE


def test_the_wal_does_not_grow_with_what_is_written(database: Path, start: Callable[[Path], Checkpointer]) -> None:
    assert start(database).leads.wait(5)
    largest = 0
    with closing(connect(database)) as writer:
        for _ in range(60):
            write(writer, 1)
            largest = max(largest, wal_size(database))
            until(lambda: wal_size(database) < 4 * MEGABYTE)
        assert writer.execute("SELECT count(*) FROM logs").fetchone() == (60 * 16,)
    assert largest < 8 * MEGABYTE


def test_a_reader_in_its_transaction_keeps_its_view_and_the_wal_shrinks_after_it(
    database: Path, start: Callable[[Path], Checkpointer]
) -> None:
    assert start(database).leads.wait(5)
    with closing(connect(database)) as reader, closing(connect(database)) as writer:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM logs").fetchone() == (0,)
        write(writer, 3)
        assert reader.execute("SELECT count(*) FROM logs").fetchone() == (0,)
        reader.execute("COMMIT")
        write(writer, 1)
        until(lambda: wal_size(database) <= MEGABYTE)
        assert reader.execute("SELECT count(*) FROM logs").fetchone() == (64,)


def test_one_leads_and_the_next_takes_over_when_it_stops(database: Path, start: Callable[[Path], Checkpointer]) -> None:
    first = start(database)
    assert first.leads.wait(5)
    second = start(database)
    assert not second.leads.wait(0.2)
    first.stop()
    assert second.leads.wait(5)


LEADER = """
import sys, time
from pathlib import Path
from patchbay.lib.sqlite import Checkpointer
checkpointer = Checkpointer(Path(sys.argv[1]))
checkpointer.start()
checkpointer.leads.wait(10)
print("leads", flush=True)
time.sleep(60)
"""


def test_another_process_takes_over_from_one_that_was_killed(
    database: Path, start: Callable[[Path], Checkpointer]
) -> None:
    with subprocess.Popen([sys.executable, "-c", LEADER, str(database)], stdout=subprocess.PIPE) as leader:
        assert leader.stdout is not None
        assert leader.stdout.readline() == b"leads\n"
        heir = start(database)
        assert not heir.leads.wait(0.2)
        leader.kill()
    assert heir.leads.wait(5)


def test_it_waits_for_a_database_that_is_not_there_yet(tmp_path: Path, start: Callable[[Path], Checkpointer]) -> None:
    path = tmp_path / "later.sqlite3"
    assert start(path).leads.wait(5)
    assert not path.exists()
    with closing(connect(path)) as writer:
        writer.execute("CREATE TABLE logs (body BLOB)")
        write(writer, 3)
        until(lambda: wal_size(path) <= MEGABYTE)


def test_there_is_nothing_to_do_on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.postgresql")
    checkpointer = Checkpointer()
    checkpointer.start()
    assert not checkpointer.leads.wait(0.05)
    checkpointer.stop()
