"""Asking for work, and giving dead letters another chance."""

import inspect
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult, get_date_max

from patchbay.kernel.jobs import dispatch, registry
from patchbay.kernel.jobs.models import Job
from patchbay.lib.errors import NotFoundError


def enqueue(
    name: str,
    *,
    organisation_id: str | None = None,
    run_after: datetime | None = None,
    priority: int = 0,
    **arguments: Any,
) -> str:
    """Ask for the task `name` to run with `arguments`; return the job's id.

    Part of the caller's transaction: rolled back with it, visible to workers once it commits. `organisation_id`,
    when given, is passed on to the task. Higher `priority` (−100 to 100) runs first. UnknownTaskError for a name
    that nobody registered, TypeError for arguments that the task does not take or JSON cannot carry.
    """
    spec = registry.get_task(name)
    if organisation_id is not None:
        arguments["organisation_id"] = organisation_id
    inspect.signature(spec.function).bind(**arguments)
    job = dispatch.perform.using(priority=priority, run_after=run_after).enqueue(name, arguments)
    transaction.on_commit(_ring)
    return str(job.id)


def retry_dead(job_id: str) -> None:
    """Run a dead letter again, with all its attempts; NotFoundError when there is no such dead letter."""
    try:
        dead = DBTaskResult.objects.filter(id=UUID(job_id), status=TaskResultStatus.FAILED)
    except ValueError:
        dead = DBTaskResult.objects.none()
    if not _revive(dead):
        advice = "`patchbay job list` shows those that have."
        raise NotFoundError(f"No job {job_id} has failed for good.", next_step=advice)


def retry_all_dead() -> int:
    """Run every dead letter again, with all its attempts; return their number."""
    return _revive(DBTaskResult.objects.filter(status=TaskResultStatus.FAILED))


def _revive(dead: QuerySet[Job]) -> int:
    revived = dead.update(status=TaskResultStatus.READY, run_after=get_date_max(), worker_ids=[], finished_at=None)
    transaction.on_commit(_ring)
    return revived


def _ring() -> None:
    dispatch.bell().bump()
