"""The one django-tasks task behind every job: it looks the name up and calls.

Jobs are stored by their registered name, never by a module path, so that moving code does not break what waits.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django_tasks import task

from patchbay.kernel.jobs import registry
from patchbay.lib.epoch import Epoch


@task
def perform(name: str, arguments: Mapping[str, Any]) -> None:
    """Run the task `name` with keyword arguments."""
    registry.get_task(name).function(**arguments)


@cache
def bell() -> Epoch:
    """The counter that wakes the workers of this machine when a job was enqueued."""
    return Epoch(settings.DATA_DIR / "jobs-bell")
