"""The worker's loop with real threads and processes: speed, crashes, limits, stopping."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from patchbay.kernel.jobs import engine, liveness, queries, registry, services, worker
from patchbay.kernel.jobs.models import Claim, Worker
from patchbay.kernel.jobs.supervisor import Supervisor
from tests.kernel.jobs.conftest import COMMAND, StartWorker, lines, until

pytestmark = pytest.mark.django_db(transaction=True)
RunWorker = Callable[[int], threading.Event]


@pytest.fixture(autouse=True)
def no_schedules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_schedules", {})


@pytest.fixture
def run_worker() -> Iterator[RunWorker]:
    """Run a worker in a thread of this process; it is stopped when the test ends."""
    started: list[tuple[threading.Event, threading.Thread]] = []

    def run(concurrency: int = 1) -> threading.Event:
        stop = threading.Event()
        thread = threading.Thread(target=worker.run, kwargs={"concurrency": concurrency, "stop_event": stop})
        thread.start()
        started.append((stop, thread))
        until(Worker.objects.exists)
        return stop

    yield run
    for stop, thread in started:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_enqueued_job_starts_within_half_a_second(run_worker: RunWorker, tmp_path: Path) -> None:
    run_worker(1)
    waits = []
    for number in range(5):
        asked = time.monotonic()
        services.enqueue("tests.note", path=str(tmp_path / "file"))
        until(lambda count=number + 1: len(lines(tmp_path / "file")) == count)
        waits.append(time.monotonic() - asked)
    assert min(waits) < 0.5, "on a busy machine some wait for the processor, but not all"


def test_a_job_enqueued_on_another_machine_is_found_without_the_bell(
    run_worker: RunWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_ring", lambda: None)
    run_worker(1)
    services.enqueue("tests.note", path=str(tmp_path / "file"))
    until(lambda: lines(tmp_path / "file"))


def test_a_worker_outlives_a_database_that_is_away_for_a_while(
    run_worker: RunWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_next, away = engine.claim_next, [OperationalError("gone away"), OperationalError("still away")]

    def claim(worker_id: str) -> object:
        if away:
            raise away.pop()
        return claim_next(worker_id)

    monkeypatch.setattr(engine, "claim_next", claim)
    services.enqueue("tests.note", path=str(tmp_path / "file"))
    run_worker(1)
    until(lambda: lines(tmp_path / "file"))
    assert away == []


def test_as_many_jobs_run_at_once_as_the_worker_was_told(run_worker: RunWorker, tmp_path: Path) -> None:
    file, gate = tmp_path / "file", tmp_path / "gate"
    for _ in range(3):
        services.enqueue("tests.wait_for", path=str(file), gate=str(gate))
    run_worker(2)
    until(lambda: len(lines(file)) == 2)
    assert queries.get_backlog().running == 2
    gate.touch()
    until(lambda: len(lines(file)) == 6)


def test_a_task_over_its_time_limit_is_ended(run_worker: RunWorker) -> None:
    services.enqueue("tests.overrun")
    run_worker(1)
    until(queries.list_dead)
    assert "TimeLimitError" in queries.list_dead()[0].reason


def test_a_worker_whose_task_cannot_be_ended_ends_itself(start_worker: StartWorker) -> None:
    services.enqueue("tests.stuck")
    assert start_worker().wait(20) == worker.EXIT_RESTART
    assert "TimeLimitError" in queries.list_dead()[0].reason


def test_stopping_puts_back_what_does_not_finish(
    run_worker: RunWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "DRAIN", 0.1)
    services.enqueue("tests.wait_for", path=str(tmp_path / "file"), gate=str(tmp_path / "gate"))
    stop = run_worker(1)
    until(lambda: lines(tmp_path / "file"))
    stop.set()
    until(lambda: not Worker.objects.exists())
    backlog = queries.get_backlog()
    assert (backlog.due, backlog.running) == (1, 0)


def test_stopping_does_not_wait_for_what_can_be_resumed(
    run_worker: RunWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "DRAIN", 3600.0)
    job_id = services.enqueue("tests.wait_in_steps", path=str(tmp_path / "file"), gate=str(tmp_path / "gate"))
    stop = run_worker(1)
    until(lambda: lines(tmp_path / "file"))
    stop.set()
    until(lambda: not Worker.objects.exists())
    job = DBTaskResult.objects.get(id=job_id)
    assert (job.status, job.worker_ids) == (TaskResultStatus.READY, []), "the attempt does not count"


def test_a_killed_worker_s_job_runs_again(start_worker: StartWorker, tmp_path: Path) -> None:
    file, gate = tmp_path / "file", tmp_path / "gate"
    services.enqueue("tests.wait_for", path=str(file), gate=str(gate))
    first = start_worker()
    until(lambda: lines(file))
    first.kill()
    first.wait()
    gate.touch()
    second = start_worker()
    until(lambda: f"ended {second.pid}" in lines(file))
    assert lines(file) == [f"began {first.pid}", f"began {second.pid}", f"ended {second.pid}"]
    until(lambda: not Claim.objects.exists())


def test_a_job_that_kills_its_worker_becomes_a_dead_letter_and_others_run(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    services.enqueue("tests.kill_worker", priority=10, path=str(tmp_path / "poison"))
    services.enqueue("tests.note", path=str(tmp_path / "file"))
    for _ in range(2):
        assert start_worker().wait(20) == -signal.SIGKILL
    start_worker()
    until(lambda: lines(tmp_path / "file") and queries.list_dead())
    assert lines(tmp_path / "poison") == ["tried", "tried"]
    assert "The worker died" in queries.list_dead()[0].reason


def test_two_workers_share_the_work_and_run_nothing_twice(start_worker: StartWorker, tmp_path: Path) -> None:
    for number in range(40):
        services.enqueue("tests.note", path=str(tmp_path / "file"), text=str(number))
    start_worker()
    start_worker()
    until(lambda: queries.get_backlog().due == queries.get_backlog().running == 0)
    assert sorted(map(int, lines(tmp_path / "file"))) == list(range(40))


def test_sigterm_lets_the_running_job_finish(start_worker: StartWorker, tmp_path: Path) -> None:
    file, gate = tmp_path / "file", tmp_path / "gate"
    services.enqueue("tests.wait_for", path=str(file), gate=str(gate))
    process = start_worker()
    until(lambda: lines(file))
    process.terminate()
    gate.touch()
    assert process.wait(20) == 0
    assert lines(file) == [f"began {process.pid}", f"ended {process.pid}"]
    assert not Worker.objects.exists()


def test_a_stopped_worker_is_fenced_and_starts_anew(start_worker: StartWorker, tmp_path: Path) -> None:
    file, gate = tmp_path / "file", tmp_path / "gate"
    job_id = services.enqueue("tests.wait_for", path=str(file), gate=str(gate))
    process = start_worker()
    until(lambda: lines(file))
    os.kill(process.pid, signal.SIGSTOP)
    Worker.objects.update(heartbeat_at=Now() - queries.ALIVE_WITHIN - timedelta(seconds=1))
    assert liveness.bury_dead() == 1
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait(20) == worker.EXIT_RESTART
    assert DBTaskResult.objects.get(id=job_id).status == TaskResultStatus.READY


def test_a_living_worker_is_not_buried(start_worker: StartWorker) -> None:
    start_worker()
    until(Worker.objects.exists)
    assert liveness.bury_dead() == 0
    assert Worker.objects.count() == 1


def test_a_worker_of_another_machine_is_judged_by_its_heartbeat_alone(tmp_path: Path) -> None:
    services.enqueue("tests.note", path=str(tmp_path / "file"))
    elsewhere = Worker.objects.create(host="elsewhere", pid=1, heartbeat_at=timezone.now())
    assert engine.claim_next(elsewhere.id) is not None
    assert liveness.bury_dead() == 0
    Worker.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=1))
    assert liveness.bury_dead() == 1


def test_the_supervisor_starts_a_dead_worker_again_and_ends_it_with_itself(worker_environment: None) -> None:
    supervisor = Supervisor(COMMAND)
    supervisor.start()
    until(Worker.objects.exists)
    first = supervisor.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.pid not in {None, first})
    second = supervisor.pid
    assert second is not None
    supervisor.stop()
    assert not alive(second)


SERVER = """
import sys, time, django
django.setup()
from patchbay.kernel.jobs.supervisor import Supervisor
Supervisor(sys.argv[1:]).start()
time.sleep(60)
"""


def test_the_worker_ends_when_its_server_is_killed(worker_environment: None) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER, *COMMAND])
    try:
        until(Worker.objects.exists)
        (pid,) = Worker.objects.values_list("pid", flat=True)
    finally:
        server.kill()
        server.wait()
    until(lambda: not alive(pid))
    assert not Worker.objects.exists()
