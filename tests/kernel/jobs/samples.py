"""Tasks that the tests enqueue; what they do shows in files, so that other processes can be watched."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from patchbay.kernel.jobs import registry
from patchbay.kernel.jobs.contracts import Backoff
from patchbay.kernel.jobs.errors import GiveUpError

AT_ONCE = Backoff(first=timedelta(0), longest=timedelta(0))


@registry.task("tests.note", backoff=AT_ONCE)
def note(*, path: str, text: str = "ran") -> None:
    with Path(path).open("a") as file:
        file.write(f"{text}\n")


@registry.task("tests.fail", max_attempts=3, backoff=AT_ONCE)
def fail(*, path: str, organisation_id: str | None = None) -> None:
    note(path=path, text="tried")
    raise RuntimeError("the scanner is on fire")


@registry.task("tests.give_up", max_attempts=3, backoff=AT_ONCE)
def give_up() -> None:
    raise GiveUpError("the file is encrypted")


@registry.task("tests.wait_for", backoff=AT_ONCE)
def wait_for(*, path: str, gate: str) -> None:
    """Say that it began, wait until the file `gate` exists, say that it ended."""
    note(path=path, text=f"began {os.getpid()}")
    while not Path(gate).exists():
        time.sleep(0.01)
    note(path=path, text=f"ended {os.getpid()}")


@registry.task("tests.wait_in_steps", backoff=AT_ONCE, resumable=True)
def wait_in_steps(*, path: str, gate: str) -> None:
    wait_for(path=path, gate=gate)


@registry.task("tests.kill_worker", max_attempts=2, backoff=AT_ONCE)
def kill_worker(*, path: str) -> None:
    note(path=path, text="tried")
    os.kill(os.getpid(), signal.SIGKILL)


@registry.task("tests.overrun", max_attempts=1, time_limit=timedelta(seconds=0.2))
def overrun() -> None:
    while True:
        time.sleep(0.01)


@registry.task("tests.stuck", max_attempts=1, time_limit=timedelta(seconds=0.2))
def stuck() -> None:
    """One long call into C, which no exception can end."""
    time.sleep(60)


@registry.task("tests.retry_later", max_attempts=2, backoff=Backoff(first=timedelta(hours=1)))
def retry_later() -> None:
    raise RuntimeError("not now")
