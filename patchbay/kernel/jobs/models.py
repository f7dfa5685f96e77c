"""What django-tasks lacks: who works, who holds which job, and when schedules are next due.

The jobs themselves are rows of django-tasks-db (`DBTaskResult`); the length of its `worker_ids` is the number of
attempts begun.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from django.db import models
from django_tasks_db.models import DBTaskResult

from patchbay.lib.ids import LENGTH, id_factory

Job: TypeAlias = DBTaskResult[[str, Mapping[str, Any]], None]  # arguments of `dispatch.perform`


class Worker(models.Model):
    """A running worker; without a heartbeat for a while it counts as dead and its jobs run again elsewhere."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("worker"), editable=False)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class Claim(models.Model):
    """A job being run. Only who still holds the claim may say how the job ended, so a fenced worker says nothing."""

    # No reverse name: it would hide DBTaskResult.claim().
    job = models.OneToOneField(
        "django_tasks_database.DBTaskResult", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    worker = models.ForeignKey(Worker, on_delete=models.CASCADE, related_name="claims")

    def __str__(self) -> str:
        return f"{self.job_id} by {self.worker_id}"


class Schedule(models.Model):
    """When a scheduled task is next due, and the job that its last tick made."""

    task_name = models.CharField(primary_key=True, max_length=100)
    due_at = models.DateTimeField()
    last_job = models.ForeignKey(
        "django_tasks_database.DBTaskResult", null=True, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return f"{self.task_name} at {self.due_at:%Y-%m-%d %H:%M:%S}"
