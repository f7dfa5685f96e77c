"""Runs a command as a child process that ends with this one, and starts it again when it dies."""

import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_AFTER = 60.0
PARENT_FD = "PATCHBAY_PARENT_FD"

log = logging.getLogger(__name__)


class Supervisor:
    """Keeps `command`, which must call `watch_parent`, running from `start()` to `stop()`.

    The child holds one end of a pipe and stops when the other is gone: that holds for `kill -9` of this process too,
    and, unlike a death signal, does not depend on the thread that started it. It inherits `pass_fds` and has
    `stop_seconds` to end when asked.
    """

    def __init__(self, command: Sequence[str], *, name: str, stop_seconds: float, pass_fds: Sequence[int] = ()) -> None:
        self._command = list(command)
        self._name = name
        self._stop_seconds = stop_seconds
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=f"{name}-supervisor", daemon=True)
        self._theirs, self._ours = os.pipe()
        self._pass_fds = [self._theirs, *pass_fds]

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        child = self._child
        return child.pid if child and child.poll() is None else None

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Ask the child to finish or put back its work, without waiting."""
        if not self._stop.is_set():
            self._stop.set()
            os.close(self._ours)

    def stop(self) -> None:
        """Ask the child to stop; end it when it does not within its time."""
        self.ask_to_stop()
        self._thread.join(self._stop_seconds)
        child = self._child
        if child and child.poll() is None:
            log.warning("the %s did not stop in %.0f s and is ended", self._name, self._stop_seconds)
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
                start_new_session=True,  # Ctrl-C in a terminal reaches the parent alone, which then stops this
                pass_fds=self._pass_fds,
                env={**os.environ, PARENT_FD: str(self._theirs)},
            )
            status = self._child.wait()
            if self._stop.is_set():
                return
            pause = FIRST_PAUSE if time.monotonic() - began > STEADY_AFTER else min(pause * 2, LONGEST_PAUSE)
            log.warning("the %s ended with status %s; starting it again in %.1f s", self._name, status, pause)
            self._stop.wait(pause)


def watch_parent(stop: Callable[[], None]) -> None:
    """Call `stop`, from a thread, once the supervisor of this process is gone or asks it to stop."""
    if descriptor := os.environ.pop(PARENT_FD, ""):

        def watch() -> None:
            os.read(int(descriptor), 1)
            stop()

        threading.Thread(target=watch, name="parent", daemon=True).start()
