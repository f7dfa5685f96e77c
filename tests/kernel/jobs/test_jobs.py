"""Enqueuing, running, failing and dying of jobs, in one process."""

import inspect
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from patchbay.kernel.jobs import engine, queries, registry, services, tasks, worker
from patchbay.kernel.jobs.contracts import Backoff
from patchbay.kernel.jobs.errors import UnknownTaskError
from patchbay.kernel.jobs.liveness import Presence
from patchbay.kernel.jobs.models import Claim, Worker
from patchbay.lib.errors import NotFoundError
from tests.kernel.jobs import samples
from tests.kernel.jobs.conftest import lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_an_enqueued_job_runs_once(file: Path) -> None:
    services.enqueue("tests.note", path=str(file))
    assert worker.run_pending() == 1
    assert worker.run_pending() == 0
    assert lines(file) == ["ran"]
    assert queries.get_backlog().due == 0


def test_a_job_belongs_to_the_transaction_that_asked_for_it(file: Path) -> None:
    with transaction.atomic():
        services.enqueue("tests.note", path=str(file))
        transaction.set_rollback(True)
    assert worker.run_pending() == 0


def test_an_unknown_name_is_refused_where_it_is_enqueued() -> None:
    with pytest.raises(UnknownTaskError, match=r"tests\.nothing"):
        services.enqueue("tests.nothing")


def test_arguments_that_the_task_does_not_take_are_refused_where_they_are_enqueued() -> None:
    with pytest.raises(TypeError):
        services.enqueue("tests.note", file="x")
    with pytest.raises(TypeError):
        services.enqueue("tests.note", path=Path("/"))
    assert DBTaskResult.objects.count() == 0


def test_two_functions_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match="already"):
        registry.task("tests.note")(samples.fail)


def test_higher_priority_runs_first_and_equals_run_in_order(file: Path) -> None:
    for text, priority in (("low", -1), ("first", 0), ("second", 0), ("high", 5)):
        services.enqueue("tests.note", priority=priority, path=str(file), text=text)
    worker.run_pending()
    assert lines(file) == ["high", "first", "second", "low"]


def test_a_job_for_later_waits(file: Path) -> None:
    services.enqueue("tests.note", run_after=timezone.now() + timedelta(hours=1), path=str(file))
    assert worker.run_pending() == 0
    assert queries.get_backlog().waiting == 1


def test_a_failing_job_is_tried_again_and_then_is_a_dead_letter(file: Path) -> None:
    job_id = services.enqueue("tests.fail", organisation_id="org_1", path=str(file))
    worker.run_pending()
    assert lines(file) == ["tried"] * 3
    (dead,) = queries.list_dead(name="tests.fail")
    assert (dead.id, dead.organisation_id, dead.attempts) == (job_id, "org_1", 3)
    assert dead.reason == "RuntimeError: the scanner is on fire"
    assert "samples.py" in dead.traceback
    assert queries.list_dead(name="tests.note") == []


def test_a_failed_attempt_waits_for_its_backoff() -> None:
    services.enqueue("tests.retry_later")
    assert worker.run_pending() == 1
    assert queries.get_backlog().waiting == 1
    (row,) = DBTaskResult.objects.all()
    assert timedelta(minutes=4) < row.run_after - timezone.now() <= timedelta(minutes=10)


def test_a_task_that_gives_up_is_not_tried_again() -> None:
    services.enqueue("tests.give_up")
    worker.run_pending()
    (dead,) = queries.list_dead()
    assert dead.attempts == 1
    assert dead.reason.endswith("the file is encrypted")


def test_a_dead_letter_can_be_retried_with_all_its_attempts(file: Path) -> None:
    job_id = services.enqueue("tests.fail", path=str(file))
    worker.run_pending()
    services.retry_dead(job_id)
    assert queries.list_dead() == []
    worker.run_pending()
    assert lines(file) == ["tried"] * 6
    assert [dead.attempts for dead in queries.list_dead()] == [3]


def test_only_a_dead_letter_can_be_retried(file: Path) -> None:
    job_id = services.enqueue("tests.note", path=str(file))
    with pytest.raises(NotFoundError):
        services.retry_dead(job_id)


def test_a_failing_job_does_not_hold_up_others(file: Path) -> None:
    services.enqueue("tests.retry_later", priority=100)
    services.enqueue("tests.note", path=str(file))
    worker.run_pending()
    assert lines(file) == ["ran"]


def test_a_job_whose_task_is_gone_waits_for_a_newer_worker_and_then_is_a_dead_letter(file: Path) -> None:
    services.enqueue("tests.note", path=str(file))
    DBTaskResult.objects.update(args_kwargs={"args": ["tests.removed", {}], "kwargs": {}})
    for _ in range(5):
        assert queries.list_dead() == []
        DBTaskResult.objects.update(run_after=timezone.now())
        worker.run_pending()
    assert [dead.reason.split(": ", 1)[1] for dead in queries.list_dead()] == [
        "No task is registered as 'tests.removed'."
    ]


def test_a_worker_that_lost_its_claim_writes_nothing(file: Path) -> None:
    services.enqueue("tests.note", path=str(file))
    slow = Presence()
    job = engine.claim_next(slow.worker_id)
    assert job is not None
    assert engine.recover(slow.worker_id) == 1
    assert engine.finish(job, slow.worker_id, None) is False
    assert DBTaskResult.objects.get().status == TaskResultStatus.READY
    slow.leave()


def test_a_claimed_job_is_not_claimed_again(file: Path) -> None:
    services.enqueue("tests.note", path=str(file))
    presence = Presence()
    assert engine.claim_next(presence.worker_id) is not None
    assert engine.claim_next(presence.worker_id) is None
    presence.leave()
    assert (Claim.objects.count(), Worker.objects.count()) == (0, 0)


def test_a_job_handed_back_has_lost_no_attempt(file: Path) -> None:
    services.enqueue("tests.note", path=str(file))
    presence = Presence()
    job = engine.claim_next(presence.worker_id)
    assert job is not None
    engine.hand_back(job, presence.worker_id)
    row = DBTaskResult.objects.get()
    assert (row.status, row.worker_ids) == (TaskResultStatus.READY, [])
    presence.leave()


@pytest.mark.parametrize(("age", "left"), [(timedelta(hours=23), 1), (timedelta(hours=25), 0)])
def test_done_jobs_are_forgotten_after_a_day(age: timedelta, left: int, file: Path) -> None:
    services.enqueue("tests.note", path=str(file))
    worker.run_pending()
    DBTaskResult.objects.update(finished_at=timezone.now() - age)
    tasks.prune()
    assert DBTaskResult.objects.count() == left


def test_dead_letters_are_kept_longer_than_done_jobs() -> None:
    services.enqueue("tests.give_up")
    worker.run_pending()
    DBTaskResult.objects.update(finished_at=timezone.now() - timedelta(days=30))
    tasks.prune()
    assert len(queries.list_dead()) == 1


def test_the_backoff_doubles_up_to_its_longest_with_jitter() -> None:
    backoff = Backoff(first=timedelta(seconds=2), longest=timedelta(seconds=60))
    for attempt, full in ((1, 2), (2, 4), (5, 32), (6, 60), (500, 60)):
        waits = [backoff.delay(attempt).total_seconds() for _ in range(50)]
        assert all(full / 2 <= wait <= full for wait in waits)
        assert len(set(waits)) > 1


def test_every_scheduled_task_is_registered_and_takes_no_arguments() -> None:
    schedules = registry.list_schedules()
    assert {"jobs.prune"} <= {spec.task_name for spec in schedules}
    for spec in schedules:
        function: Callable[..., object] = registry.get_task(spec.task_name).function
        inspect.signature(function).bind()
