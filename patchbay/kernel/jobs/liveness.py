"""Which workers live: a heartbeat in the database, and on one machine a file lock, which the kernel lets go at once.

The lock tells as soon as someone looks that a worker was killed; the heartbeat tells it across machines, and of a
worker that is stopped or cut off.
"""

import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db.models.functions import Now

from patchbay.kernel.jobs import engine
from patchbay.kernel.jobs.errors import FencedError
from patchbay.kernel.jobs.models import Worker
from patchbay.kernel.jobs.queries import ALIVE_WITHIN


class Presence:
    """This worker's row and lock, from `Presence()` to `leave()`."""

    def __init__(self) -> None:
        _folder().mkdir(parents=True, exist_ok=True)
        row = Worker(host=socket.gethostname()[:255], pid=os.getpid())
        self.worker_id = row.id
        self._path = _folder() / row.id
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)  # before the row: who sees the row must find the lock held
        row.heartbeat_at = Now()
        row.save(force_insert=True)

    def beat(self) -> None:
        """Say that this worker lives; FencedError when another took it for dead."""
        if not Worker.objects.filter(id=self.worker_id).update(heartbeat_at=Now()):
            raise FencedError(self.worker_id)

    def leave(self) -> None:
        engine.recover(self.worker_id)
        Worker.objects.filter(id=self.worker_id).delete()
        self._path.unlink(missing_ok=True)
        os.close(self._fd)


def bury_dead() -> int:
    """Put back the jobs of every worker that died and forget the worker; return how many jobs there were."""
    silent = set(Worker.objects.filter(heartbeat_at__lt=Now() - ALIVE_WITHIN).values_list("id", flat=True))
    jobs = 0
    for worker_id in Worker.objects.values_list("id", flat=True):
        if worker_id in silent or _lock_is_free(_folder() / worker_id):
            jobs += engine.recover(worker_id)
            Worker.objects.filter(id=worker_id).delete()
            (_folder() / worker_id).unlink(missing_ok=True)
    return jobs


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "workers"


def _lock_is_free(path: Path) -> bool:
    """True when the file is here and nobody holds it: its process is gone. False for a worker of another machine."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True
    return False
