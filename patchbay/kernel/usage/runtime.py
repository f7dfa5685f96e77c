"""This process's ledger: its process row, lease book, writer thread and heartbeat, started once and lazily.

The server starts and stops it with its lifespan; a command or test that first asks for it starts it. A forked child
starts its own: what the parent leased stays the parent's.
"""

import atexit
import os
import threading
import time
from dataclasses import dataclass

import structlog
from django.db import DatabaseError, InterfaceError, connection

from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.ledger.errors import FencedError
from patchbay.kernel.ledger.leases import LeaseBook
from patchbay.kernel.usage.engine import claims
from patchbay.kernel.usage.writer import Writer

log = structlog.get_logger(__name__)


class Heartbeat:
    """Beats for the writer's process, closes those of others that stopped, and gives claims back that are left over."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._stop = threading.Event()
        self._beaten_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="ledger-heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        try:
            while True:
                self._beat()
                if self._stop.wait(ledger.HEARTBEAT_SECONDS):
                    return
        finally:
            connection.close()

    def _beat(self) -> None:
        try:
            started = time.monotonic()
            ledger.beat(self._writer.book.process_id)
            claims.abandon_late()
            # After a stall that held up everyone (a full disk, a locked database) the others get a chance to beat
            # first: they are late, not dead.
            late, self._beaten_at = started - self._beaten_at > 2 * ledger.HEARTBEAT_SECONDS, time.monotonic()
            if not late and self._beaten_at - started < ledger.HEARTBEAT_SECONDS:
                ledger.reap()
        except FencedError:
            pass  # the ledger thread finds out by itself and starts anew
        except (DatabaseError, InterfaceError) as error:
            log.warning("heartbeat_failed", error=str(error))
            connection.close()
        except Exception:  # a fault of ours must not end the heartbeat: others would take this process for dead
            log.exception("heartbeat_failed")


@dataclass(frozen=True, slots=True)
class Runtime:
    """`book` for holds, `writer` for settles."""

    book: LeaseBook
    writer: Writer
    heartbeat: Heartbeat


_runtime: Runtime | None = None
_starting = threading.Lock()


def get_runtime() -> Runtime:
    """Return this process's runtime, started when it is not running."""
    return _runtime or start()


def start() -> Runtime:
    """Start the runtime; the same one when it runs. Blocks for one write to the database."""
    global _runtime
    with _starting:
        if _runtime is None:
            writer = Writer()
            writer.start()
            heartbeat = Heartbeat(writer)
            heartbeat.start()
            _runtime = Runtime(writer.book, writer, heartbeat)
        return _runtime


def stop() -> None:
    """Commit what waits, return the leases, close the process row; nothing happens when it does not run."""
    global _runtime
    with _starting:
        if _runtime is not None:
            _runtime.heartbeat.stop()
            _runtime.writer.stop()
            _runtime = None


def is_healthy() -> bool:
    """Whether holds and settles work; true before the first one, which starts the runtime."""
    return _runtime is None or _runtime.writer.healthy


def _after_fork() -> None:
    global _runtime, _starting
    _runtime, _starting = None, threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(stop)
