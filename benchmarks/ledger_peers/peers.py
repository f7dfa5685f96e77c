"""The peers of the ledger: an append-only log (the limit), one commit each, and a row lock on PostgreSQL.

The first two take their work through the same kind of futures as the product's writer: one thread, woken callers
once per batch. The row lock runs in plain threads, each with its own connection, which costs it less than futures.
"""

import asyncio
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from patchbay.kernel.usage.contracts import UsageRecord
from patchbay.kernel.usage.engine import records

Waiting = tuple["asyncio.Future[None]", UsageRecord, int]


class BatchThread:
    """Calls `write` with everything that arrived during its last call (at most `limit`), then wakes the callers."""

    def __init__(self, write: Callable[[Sequence[Waiting]], None], *, limit: int = 512) -> None:
        self._write = write
        self._limit = limit
        self._queue: deque[Waiting] = deque()
        self._nudge = threading.Event()
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    async def settle(self, record: UsageRecord, cost: int) -> None:
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue.append((future, record, cost))
        if not self._nudge.is_set():
            self._nudge.set()
        await future

    def stop(self) -> None:
        self._stopping = True
        self._nudge.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            self._nudge.wait()
            self._nudge.clear()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._limit))]
                self._write(batch)
                self._loop.call_soon_threadsafe(_wake, batch)


def _wake(batch: Sequence[Waiting]) -> None:
    for future, _, _ in batch:
        future.set_result(None)


def append_log(path: Path) -> Callable[[Sequence[Waiting]], None]:
    """A log of JSON lines, made durable with fdatasync once a batch: nobody can be cheaper and keep its word."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    encode = msgspec.json.Encoder().encode

    def write(batch: Sequence[Waiting]) -> None:
        os.write(file, b"\n".join([encode((record, cost)) for _, record, cost in batch]) + b"\n")
        os.fdatasync(file)

    return write


def commit_each(path: Path, lease_id: str) -> Callable[[Sequence[Waiting]], None]:
    """The same rows in the same tables, a transaction for each; used with a limit of one."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.executescript("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;")

    def write(batch: Sequence[Waiting]) -> None:
        for _, record, cost in batch:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(records.INSERT_SQLITE, records.make_rows([(record, cost, 0, lease_id)])[0])
            connection.execute(
                "UPDATE ledger_lease SET balance_micro = balance_micro - ? WHERE id = ?", (cost, lease_id)
            )
            connection.execute("COMMIT")

    return write


def row_lock(url: str, batch: Sequence[tuple[UsageRecord, int]], lease_id: str, rows: Callable[..., Any]) -> None:
    """Lock the balance, insert, update, commit, for each item: what most billing tables do. Runs in one thread."""
    values = ", ".join(["%s"] * len(records.COLUMNS))
    insert = f"INSERT INTO usage_usagerecord ({', '.join(records.COLUMNS)}) VALUES ({values})"
    with psycopg.connect(url) as connection:
        for record, cost in batch:
            with connection.transaction():
                connection.execute("SELECT balance_micro FROM ledger_lease WHERE id = %s FOR UPDATE", (lease_id,))
                connection.execute(insert, rows([(record, cost, 0, lease_id)])[0])
                connection.execute(
                    "UPDATE ledger_lease SET balance_micro = balance_micro - %s WHERE id = %s", (cost, lease_id)
                )
