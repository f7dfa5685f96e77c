"""Runs the worker as a child process of the server: it dies with it, and is started again when it dies."""

import sys
from collections.abc import Sequence

from patchbay.kernel.jobs.worker import DRAIN, INTERRUPT_GRACE
from patchbay.lib import supervisor

COMMAND = (sys.executable, "-m", "patchbay.config.cli", "worker")


class Supervisor(supervisor.Supervisor):
    """Keeps `command` (which must call `worker.run`) running from `start()` to `stop()`."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        super().__init__(command, name="worker", stop_seconds=DRAIN + INTERRUPT_GRACE + 3)
