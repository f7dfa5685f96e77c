"""What waits, what runs and what died."""

from datetime import timedelta

from django.db.models import Min
from django.db.models.functions import Now
from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from patchbay.kernel.jobs.contracts import Backlog, DeadJob
from patchbay.kernel.jobs.models import Claim, Job, Worker

ALIVE_WITHIN = timedelta(seconds=20)


def list_dead(*, name: str | None = None, limit: int = 100) -> list[DeadJob]:
    """Return the dead letters, newest first; for the operator, over all organisations."""
    rows = DBTaskResult.objects.filter(status=TaskResultStatus.FAILED).order_by("-finished_at")
    if name:
        rows = rows.filter(args_kwargs__args__0=name)
    return [_dead(row) for row in rows[:limit]]


def get_backlog() -> Backlog:
    """Return the counts that health checks and metrics show."""
    ready = DBTaskResult.objects.filter(status=TaskResultStatus.READY)
    due = DBTaskResult.objects.ready()
    oldest = due.aggregate(at=Min("enqueued_at"))["at"]
    due_count = due.count()
    return Backlog(
        due=due_count,
        waiting=ready.count() - due_count,
        running=Claim.objects.count(),
        dead=DBTaskResult.objects.filter(status=TaskResultStatus.FAILED).count(),
        oldest_due_seconds=max(0.0, (timezone.now() - oldest).total_seconds()) if oldest else 0.0,
        workers=Worker.objects.filter(heartbeat_at__gte=Now() - ALIVE_WITHIN).count(),
    )


def _dead(row: Job) -> DeadJob:
    name, arguments = row.args_kwargs["args"]
    last_line = row.traceback.strip().rsplit("\n", 1)[-1]
    return DeadJob(
        id=str(row.id),
        name=name,
        organisation_id=arguments.get("organisation_id"),
        arguments=arguments,
        attempts=len(row.worker_ids),
        reason=last_line or row.exception_class_path,
        traceback=row.traceback,
        failed_at=row.finished_at or row.enqueued_at,
    )
