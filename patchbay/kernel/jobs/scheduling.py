"""Ticks of schedules: each is taken by one worker, by a conditional update."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from patchbay.kernel.jobs import registry, services
from patchbay.kernel.jobs.models import Schedule

_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)


def tick() -> int:
    """Enqueue every schedule that is due; return how many. Ticks missed while no worker ran count as one."""
    now = timezone.now()
    rows = {row.task_name: row for row in Schedule.objects.all()}
    return sum(_tick(rows.get(spec.task_name), spec.task_name, spec.every, now) for spec in registry.list_schedules())


def next_due(now: datetime, every: timedelta) -> datetime:
    """Return the next point after `now` on the grid of `every`, the same for all workers."""
    return _ORIGIN + ((now - _ORIGIN) // every + 1) * every


def _tick(row: Schedule | None, task_name: str, every: timedelta, now: datetime) -> bool:
    if row is None:
        row, _ = Schedule.objects.get_or_create(task_name=task_name, defaults={"due_at": now})
    if row.due_at > now:
        return False
    with transaction.atomic():
        mine = Schedule.objects.filter(task_name=task_name, due_at=row.due_at).update(due_at=next_due(now, every))
        if not mine or _unfinished(row.last_job_id):
            return False
        job_id = services.enqueue(task_name)
        Schedule.objects.filter(task_name=task_name).update(last_job_id=job_id)
    return True


def _unfinished(job_id: UUID | None) -> bool:
    """A tick is skipped while the job of the one before still waits or runs."""
    open_states = [TaskResultStatus.READY, TaskResultStatus.RUNNING]
    return job_id is not None and DBTaskResult.objects.filter(id=job_id, status__in=open_states).exists()
