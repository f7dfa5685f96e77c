"""One job's life: claimed, run, and then done, put back, or dead. Every end is conditional on the claim."""

from datetime import datetime, timedelta
from traceback import format_exception
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult, get_date_max

from patchbay.kernel.jobs import dispatch, registry
from patchbay.kernel.jobs.contracts import Backoff, TaskSpec
from patchbay.kernel.jobs.errors import GiveUpError, UnknownTaskError, WorkerLostError
from patchbay.kernel.jobs.models import Claim, Job

_MAX_TRACEBACK = 20_000
# While a new version is rolled out an old worker may meet its tasks: there is time for the new one to take them.
_UNKNOWN = TaskSpec("", dispatch.perform.func, 5, Backoff(first=timedelta(minutes=1)), timedelta(minutes=1))


def claim_next(worker_id: str) -> Job | None:
    """Take the first due job for a worker, or None. Each job goes to one worker, on either database.

    The look before the transaction keeps an idle worker from taking SQLite's write lock; inside it, SQLite has the
    write lock (IMMEDIATE) and PostgreSQL skips rows that others hold.
    """
    if not DBTaskResult.objects.ready().exists():
        return None
    with transaction.atomic():
        job = DBTaskResult.objects.ready().get_locked()
        if job is None:
            return None
        job.claim(worker_id)
        Claim.objects.create(job=job, worker_id=worker_id)
    return job


def spec_of(job: Job) -> TaskSpec:
    """Return the task of a job, or for a name that this version does not know what holds for such jobs."""
    try:
        return registry.get_task(job.args_kwargs["args"][0])
    except UnknownTaskError:
        return _UNKNOWN


def call(job: Job) -> None:
    """Run the job in this thread; whatever its task raises, raises here."""
    dispatch.perform.call(*job.args_kwargs["args"])


def finish(job: Job, worker_id: str, error: BaseException | None) -> bool:
    """Write how an attempt ended; False when the claim was lost, and then nothing is written."""
    with transaction.atomic():
        if not _drop_claim(job.id, worker_id):
            return False
        if error is None:
            job.set_successful(None)
        else:
            _fail(job, error)
    return True


def hand_back(job: Job, worker_id: str) -> None:
    """Put a job back as if it had never been claimed: its worker stops."""
    with transaction.atomic():
        if _drop_claim(job.id, worker_id):
            _requeue(job, attempts=job.worker_ids[:-1], run_after=get_date_max())


def recover(worker_id: str) -> int:
    """Put back the jobs of a worker that died, and forget it; return how many there were.

    The attempt counts: a job that kills its worker each time becomes a dead letter like any other.
    """
    with transaction.atomic():
        # Claim before job, as in `finish`: two transactions that lock in one order cannot wait for each other.
        claims = list(Claim.objects.select_for_update().filter(worker_id=worker_id).values_list("job_id", flat=True))
        Claim.objects.filter(worker_id=worker_id).delete()
        jobs = list(DBTaskResult.objects.select_for_update().filter(id__in=claims))
        for job in jobs:
            _fail(job, WorkerLostError("The worker died while this ran (killed, out of memory, or cut off)."))
    return len(jobs)


def _drop_claim(job_id: UUID, worker_id: str) -> bool:
    deleted, _ = Claim.objects.filter(job_id=job_id, worker_id=worker_id).delete()
    return bool(deleted)


def _fail(job: Job, error: BaseException) -> None:
    spec = spec_of(job)
    attempt = len(job.worker_ids)
    job.exception_class_path = f"{type(error).__module__}.{type(error).__qualname__}"
    job.traceback = "".join(format_exception(error))[-_MAX_TRACEBACK:]
    if attempt >= spec.max_attempts or isinstance(error, GiveUpError):
        job.status = TaskResultStatus.FAILED
        job.finished_at = timezone.now()
        job.save()
    else:
        _requeue(job, attempts=job.worker_ids, run_after=timezone.now() + spec.backoff.delay(attempt))


def _requeue(job: Job, *, attempts: list[str], run_after: datetime) -> None:
    job.status = TaskResultStatus.READY
    job.worker_ids = attempts
    job.run_after = run_after
    job.started_at = None
    job.save()
