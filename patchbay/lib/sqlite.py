"""The one checkpointer of an SQLite database in WAL mode.

SQLite before 3.51.3 can lose a WAL reset when two connections checkpoint at one time, so every connection has
automatic checkpoints off and one process checkpoints, chosen by a file lock that ends with the process. Its open
connection also keeps others from being the last one, whose closing would checkpoint.
"""

import fcntl
import logging
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from django.conf import settings

EVERY = 1.0
TRUNCATE_ABOVE = 16 * 1024 * 1024
BUSY_MS = 250

log = logging.getLogger(__name__)


class Checkpointer:
    """Moves the WAL of `database` into it, in a thread from `start()` to `stop()`; any number of processes may run one.

    Without `database` it takes the default one of the settings, and does nothing where that is PostgreSQL.
    """

    def __init__(self, database: Path | None = None) -> None:
        self._database = database or _default_database()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpointer", daemon=True)
        self.leads = threading.Event()
        """Set while this one holds the lock and does the work."""

    def start(self) -> None:
        if self._database:
            self._thread.start()

    def stop(self) -> None:
        """Checkpoint what is there if this one leads, and let another take over."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        if self._database is None:
            return
        descriptor = os.open(f"{self._database}-checkpointer", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not _locked(descriptor):
                if self._stop.wait(EVERY):
                    return
            self.leads.set()
            self._lead(self._database)
        finally:
            self.leads.clear()
            os.close(descriptor)

    def _lead(self, database: Path) -> None:
        while not self._stop.is_set():
            try:
                with closing(_connect(database)) as connection:
                    self._keep_checkpointing(connection, Path(f"{database}-wal"))
            except sqlite3.Error:
                log.exception("the checkpoint failed; trying again")
                self._stop.wait(EVERY)

    def _keep_checkpointing(self, connection: sqlite3.Connection, wal: Path) -> None:
        seen = 0
        while not self._stop.wait(EVERY):
            if (changed := _changed_at(wal)) != seen:
                checkpoint(connection, wal)
                seen = changed
        checkpoint(connection, wal)


def checkpoint(connection: sqlite3.Connection, wal: Path) -> None:
    """Move what can be moved without holding anyone up; when the file is large, finish and empty it.

    Under steady writes the first never catches up by itself. The second holds writers up for what came meanwhile,
    and gives up after `BUSY_MS` when a reader still needs the file; the next turn tries again.
    """
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if wal.exists() and wal.stat().st_size > TRUNCATE_ABOVE:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _connect(database: Path) -> sqlite3.Connection:
    # `mode=rw`: a database that is not there yet is not made here.
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # a connection that never read cannot checkpoint
    return connection


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _changed_at(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _default_database() -> Path | None:
    default = settings.DATABASES["default"]
    return Path(default["NAME"]) if default["ENGINE"].endswith("sqlite3") else None
