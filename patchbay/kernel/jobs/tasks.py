"""House-keeping of the job table itself."""

from datetime import timedelta

from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from patchbay.kernel.jobs import registry

KEEP_DONE = timedelta(days=1)
KEEP_DEAD = timedelta(days=90)


@registry.task("jobs.prune")
def prune() -> None:
    """Forget jobs that are done after a day and dead letters after 90."""
    now = timezone.now()
    done = DBTaskResult.objects.filter(status=TaskResultStatus.SUCCESSFUL, finished_at__lt=now - KEEP_DONE)
    dead = DBTaskResult.objects.filter(status=TaskResultStatus.FAILED, finished_at__lt=now - KEEP_DEAD)
    done.delete()
    dead.delete()


registry.schedule("jobs.prune", every=timedelta(hours=1))
