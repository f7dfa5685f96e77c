"""Worker processes for tests, and a bounded wait for what they do."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.kernel.jobs import samples  # noqa: F401 (registers the tasks)

StartWorker = Callable[[], "subprocess.Popen[bytes]"]
COMMAND = [sys.executable, "-m", "tests.kernel.jobs.child"]


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until the condition holds; fail the test when it does not in time."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.01)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def worker_environment(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")
    monkeypatch.setenv("PATCHBAY_TEST_CHILD_DATABASE", str(connection.settings_dict["NAME"]))


@pytest.fixture
def start_worker(worker_environment: None) -> Iterator[StartWorker]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        started.append(subprocess.Popen(COMMAND, env=dict(os.environ)))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
