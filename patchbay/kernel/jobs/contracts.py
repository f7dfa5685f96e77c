"""How tasks are described, and how jobs look from outside."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt: doubles each time up to `longest`, with a random half (jitter)."""

    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=10)

    def delay(self, attempt: int) -> timedelta:
        """Return the wait after failed attempt number `attempt` (from 1)."""
        full = min(self.first * (1 << min(attempt - 1, 30)), self.longest)
        return full * random.uniform(0.5, 1.0)  # noqa: S311 (spreads retries; not a secret)


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A registered task. `resumable`: it keeps each step it has done, so a worker that stops need not wait for it."""

    name: str
    function: Callable[..., object]
    max_attempts: int
    backoff: Backoff
    time_limit: timedelta
    resumable: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """A task that is enqueued once for each `every`, by whichever worker comes first."""

    task_name: str
    every: timedelta


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job that failed for good; `reason` is one line, `traceback` the whole."""

    id: str
    name: str
    organisation_id: str | None
    arguments: dict[str, Any]
    attempts: int
    reason: str
    traceback: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much there is to do: jobs due, waiting for their time, running, dead; the age of the oldest due."""

    due: int
    waiting: int
    running: int
    dead: int
    oldest_due_seconds: float
    workers: int
