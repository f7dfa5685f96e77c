"""Each tick of a schedule runs once, however many workers there are."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from patchbay.kernel.jobs import registry, scheduling, worker
from patchbay.kernel.jobs.models import Schedule

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@registry.task("tests.sweep")
def sweep() -> None:
    """Does nothing: what is tested is when it is asked for."""


@pytest.fixture(autouse=True)
def only_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_schedules", {})
    registry.schedule("tests.sweep", every=HOUR)


def due_again() -> None:
    Schedule.objects.update(due_at=timezone.now() - timedelta(days=3))


def test_the_first_tick_is_due_at_once_and_the_next_when_its_time_comes() -> None:
    assert [scheduling.tick(), scheduling.tick()] == [1, 0]
    worker.run_pending()
    due_again()
    assert [scheduling.tick(), scheduling.tick()] == [1, 0]


def test_ticks_missed_for_days_count_as_one() -> None:
    scheduling.tick()
    worker.run_pending()
    due_again()
    scheduling.tick()
    assert Schedule.objects.get().due_at > timezone.now()
    assert worker.run_pending() == 1


def test_a_tick_is_skipped_while_the_one_before_still_waits() -> None:
    scheduling.tick()
    due_again()
    assert scheduling.tick() == 0
    assert DBTaskResult.objects.count() == 1


def test_ticks_lie_on_a_grid_that_all_workers_share() -> None:
    at = datetime(2026, 3, 1, 10, 59, 59, tzinfo=UTC)
    assert scheduling.next_due(at, HOUR) == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert scheduling.next_due(datetime(2026, 3, 1, 11, tzinfo=UTC), HOUR) == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_workers_that_tick_at_one_moment_enqueue_once() -> None:
    barrier = threading.Barrier(4)

    def tick() -> None:
        barrier.wait(10)
        scheduling.tick()
        connections.close_all()

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert DBTaskResult.objects.count() == 1
