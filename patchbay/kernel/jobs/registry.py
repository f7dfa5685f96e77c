"""Tasks and schedules by name, so that a lower package can ask for work that a higher one does.

A package registers in `AppConfig.ready()` by importing its `tasks` module; a test checks that every name enqueued
anywhere is registered.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import ParamSpec, TypeVar

from patchbay.kernel.jobs.contracts import Backoff, ScheduleSpec, TaskSpec
from patchbay.kernel.jobs.errors import UnknownTaskError

P = ParamSpec("P")
R = TypeVar("R")

_tasks: dict[str, TaskSpec] = {}
_schedules: dict[str, ScheduleSpec] = {}


def task(
    name: str,
    *,
    max_attempts: int = 5,
    backoff: Backoff = Backoff(),
    time_limit: timedelta = timedelta(minutes=10),
    resumable: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Register a function as the task `name` ("package.verb_noun"); the function itself stays as it is.

    It may run more than once (a worker can die after the work and before saying so), so it must be idempotent.
    One that is `resumable` is interrupted as soon as its worker is told to stop, and goes on elsewhere.
    ValueError when the name is taken.
    """

    def register(function: Callable[P, R]) -> Callable[P, R]:
        known = _tasks.get(name)
        if known and _origin(known.function) != _origin(function):
            raise ValueError(f"The task {name!r} is already {_origin(known.function)}.")
        _tasks[name] = TaskSpec(name, function, max_attempts, backoff, time_limit, resumable)
        return function

    return register


def schedule(task_name: str, *, every: timedelta) -> None:
    """Have the task enqueued once for each `every`, however many workers run; its first tick is due at once."""
    _schedules[task_name] = ScheduleSpec(task_name, every)


def get_task(name: str) -> TaskSpec:
    """Return a task; UnknownTaskError when nobody registered it."""
    try:
        return _tasks[name]
    except KeyError:
        raise UnknownTaskError(f"No task is registered as {name!r}.") from None


def list_tasks() -> list[TaskSpec]:
    return sorted(_tasks.values(), key=lambda spec: spec.name)


def list_schedules() -> list[ScheduleSpec]:
    return sorted(_schedules.values(), key=lambda spec: spec.task_name)


def _origin(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
