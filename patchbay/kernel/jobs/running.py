"""One task in a thread of its own, so that it can be told to stop: at its time limit, or when the worker stops."""

import ctypes
import threading
import time
from collections.abc import Callable

from django.db import connections

from patchbay.kernel.jobs import engine
from patchbay.kernel.jobs.errors import InterruptedJobError
from patchbay.kernel.jobs.models import Job


class RunningTask:
    """A job under way. `error` is meaningful once `done()`."""

    def __init__(self, job: Job, on_done: Callable[[], object]) -> None:
        self.job = job
        self.error: BaseException | None = None
        self.interrupted_at: float | None = None
        self.deadline = time.monotonic() + engine.spec_of(job).time_limit.total_seconds()
        self._on_done = on_done
        self._thread = threading.Thread(target=self._run, name=f"job-{job.id}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            engine.call(self.job)
        except InterruptedJobError as error:
            self.error = error.with_traceback(None)  # its frames would keep alive what the task was in the midst of
        except BaseException as error:
            self.error = error
        finally:
            connections.close_all()
            self._on_done()

    def done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; True when it came."""
        self._thread.join(seconds)
        return self.done()

    def interrupt(self, error: type[BaseException]) -> None:
        """Raise `error` inside the task, once, at its next Python instruction; code that is inside C ends first."""
        if self.interrupted_at is None and self._thread.ident is not None:
            self.interrupted_at = time.monotonic()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread.ident), ctypes.py_object(error))
