"""Runs the worker as a child process of the server: it dies with it, and is started again when it dies."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from patchbay.kernel.jobs.worker import DRAIN, INTERRUPT_GRACE, PARENT_FD

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_AFTER = 60.0
COMMAND = (sys.executable, "-m", "patchbay.config.cli", "worker")

log = logging.getLogger(__name__)


class Supervisor:
    """Keeps `command` (which must call `worker.run`) running from `start()` to `stop()`.

    The child holds one end of a pipe and stops when the other is gone: that holds for `kill -9` of the server too,
    and, unlike a death signal, does not depend on the thread that started it.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = list(command)
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="worker-supervisor", daemon=True)
        self._theirs, self._ours = os.pipe()

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        child = self._child
        return child.pid if child and child.poll() is None else None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the child to finish or put back its work; end it when it does not within its drain time."""
        self._stop.set()
        os.close(self._ours)
        self._thread.join(DRAIN + INTERRUPT_GRACE + 3)
        child = self._child
        if child and child.poll() is None:
            child.kill()
            self._thread.join()
        os.close(self._theirs)

    def _keep(self) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            began = time.monotonic()
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in a terminal reaches the server alone, which then stops this
                pass_fds=[self._theirs],
                env={**os.environ, PARENT_FD: str(self._theirs)},
            )
            status = self._child.wait()
            if self._stop.is_set():
                return
            pause = FIRST_PAUSE if time.monotonic() - began > STEADY_AFTER else min(pause * 2, LONGEST_PAUSE)
            log.warning("the worker ended with status %s; starting it again in %.1f s", status, pause)
            self._stop.wait(pause)
