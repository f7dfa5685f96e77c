"""Databases that several processes share: one of each kind for the whole session, migrated once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from patchbay.lib.ids import new_id
from tests.processes import LedgerProcess


@dataclass(frozen=True)
class SharedDatabase:
    url: str
    data_dir: Path


def _migrated(url: str, data_dir: Path) -> SharedDatabase:
    process = LedgerProcess(url, data_dir)
    process.ask("migrate")
    process.close()
    return SharedDatabase(url, data_dir)


@pytest.fixture(scope="session")
def shared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> SharedDatabase:
    folder = tmp_path_factory.mktemp("shared")
    return _migrated(f"sqlite://{folder}/ledger.sqlite3", folder)


@pytest.fixture(scope="session")
def shared_postgresql(new_postgres: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> SharedDatabase:
    return _migrated(new_postgres(), tmp_path_factory.mktemp("shared"))


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest) -> SharedDatabase:
    database: SharedDatabase = request.getfixturevalue(f"shared_{request.param}")
    return database


@pytest.fixture
def spawn(shared: SharedDatabase) -> Iterator[Callable[..., LedgerProcess]]:
    """Start processes on the shared database; they end with the test."""
    children: list[LedgerProcess] = []

    def start(**options: Any) -> LedgerProcess:
        children.append(LedgerProcess(shared.url, shared.data_dir, **options))
        return children[-1]

    yield start
    for child in children:
        child.close()


def _crew(database: SharedDatabase) -> Iterator[list[LedgerProcess]]:
    processes = [LedgerProcess(database.url, database.data_dir) for _ in range(4)]
    yield processes
    for process in processes:
        process.close()


@pytest.fixture(scope="module")
def crew_sqlite(shared_sqlite: SharedDatabase) -> Iterator[list[LedgerProcess]]:
    yield from _crew(shared_sqlite)


@pytest.fixture(scope="module")
def crew_postgresql(shared_postgresql: SharedDatabase) -> Iterator[list[LedgerProcess]]:
    yield from _crew(shared_postgresql)


@pytest.fixture(params=["sqlite", "postgresql"])
def crew(request: pytest.FixtureRequest) -> list[LedgerProcess]:
    """Four processes on one database, which end with the module: they beat while they idle. Each test has its own
    organisation."""
    processes: list[LedgerProcess] = request.getfixturevalue(f"crew_{request.param}")
    return processes


@pytest.fixture
def organisation() -> str:
    return new_id("org")
