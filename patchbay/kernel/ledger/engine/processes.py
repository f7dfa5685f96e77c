"""Processes that lease credits: a row each, a heartbeat, and the closing of those that are gone.

Closing comes first and is conditional; only then do leases return to their lots. A process that merely slept finds
its row closed when it next settles and is fenced: it spends nothing that was given back.
"""

import os
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Q

from patchbay.kernel.ledger.engine import drawing, moves
from patchbay.kernel.ledger.engine.drawing import Drawing
from patchbay.kernel.ledger.errors import FencedError
from patchbay.kernel.ledger.models import Lease, LedgerProcess
from patchbay.lib.ids import new_id
from patchbay.lib.transactions import on_sqlite

HEARTBEAT_SECONDS = 2.0
TTL_SECONDS = 10.0
_AT_ONCE = 100  # leases of a dead process that one transaction returns
_CHECK_SQLITE = "SELECT 1 FROM ledger_ledgerprocess WHERE id = ? AND closed_at IS NULL"
# A client that is stopped inside its transaction must not keep its row from being closed for ever.
_CHECK_POSTGRESQL = (
    "SELECT set_config('idle_in_transaction_session_timeout', '5s', true) FROM ledger_ledgerprocess"
    " WHERE id = %s AND closed_at IS NULL FOR NO KEY UPDATE"
)


def open_process() -> str:
    """Write a row for this process and return its id, which is new each time."""
    now = moves.database_now()
    row = LedgerProcess(
        id=new_id("proc"),
        machine=_machine(),
        pid=os.getpid(),
        started=_started(os.getpid()) or "",
        opened_at=now,
        heartbeat_at=now,
    )
    row.save(force_insert=True)
    return row.id


def beat(process_id: str) -> None:
    """Say that the process lives; FencedError when it was taken for dead."""
    rows = LedgerProcess.objects.filter(id=process_id, closed_at=None)
    if not rows.update(heartbeat_at=moves.database_now()):
        raise FencedError()


def check_open(process_id: str) -> None:
    """Raise FencedError unless the process is open, and keep it so until the transaction ends.

    On SQLite the transaction is the only writer; on PostgreSQL the row is locked against closing.
    """
    live = connections[DEFAULT_DB_ALIAS]
    with live.wrap_database_errors:
        statement = _CHECK_SQLITE if on_sqlite() else _CHECK_POSTGRESQL
        if live.connection.execute(statement, [process_id]).fetchone() is None:
            raise FencedError()


def is_open(process_id: str) -> bool:
    """Whether the process may still settle.

    One whose heartbeat stopped may, until `reap` has closed it: it may only have slept, and then it goes on.
    """
    return LedgerProcess.objects.filter(id=process_id, closed_at=None).exists()


def close_process(process_id: str) -> None:
    """Close the process and return its leases; nothing happens when that was done."""
    LedgerProcess.objects.filter(id=process_id, closed_at=None).update(closed_at=moves.database_now())
    _return_closed(process_id)


def reap() -> int:
    """Close processes whose heartbeat is too old or that are gone from this machine; return how many that were.

    Also returns what a process that closed them left undone.
    """
    now = moves.database_now()
    stale = Q(heartbeat_at__lt=now - timedelta(seconds=TTL_SECONDS))
    with transaction.atomic():
        # One that is locked is in a transaction: alive, or soon ended by the database; nobody waits for it here.
        rows = LedgerProcess.objects.select_for_update(skip_locked=True, no_key=True).filter(stale, closed_at=None)
        gone = list(rows.values_list("id", flat=True))
        closed = LedgerProcess.objects.filter(stale, id__in=gone, closed_at=None).update(closed_at=now) if gone else 0
    here = LedgerProcess.objects.filter(closed_at=None, machine=_machine()).exclude(pid=os.getpid())
    for process_id, pid, started in here.values_list("id", "pid", "started"):
        if started and _started(pid) != started:
            closed += LedgerProcess.objects.filter(id=process_id, closed_at=None).update(closed_at=now)
    _return_closed()
    return closed


def _return_closed(process_id: str | None = None) -> None:
    rows = Lease.objects.filter(balance_micro__gt=0, process__closed_at__isnull=False)
    if process_id:
        rows = rows.filter(process_id=process_id)
    left = list(rows.values_list("organisation_id", "id"))
    for start in range(0, len(left), _AT_ONCE):
        with transaction.atomic():
            names, ids = zip(*left[start : start + _AT_ONCE], strict=True)
            drawing.lock(names)
            leases = Lease.objects.select_for_update().filter(id__in=ids, balance_micro__gt=0).order_by("id")
            returns = [Drawing(lease.organisation_id, lease.id, lease.balance_micro) for lease in leases]
            Lease.objects.filter(id__in=ids).update(balance_micro=0)
            drawing.give_back(returns, moves.database_now())


@lru_cache(maxsize=1)
def _machine() -> str:
    """Name this machine since its last boot, and the process namespace in it; empty where neither can be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Return when a process of this machine started, in clock ticks since boot; None when it is gone."""
    try:
        # The command's name stands in brackets and may hold spaces; state is the field after it, start the 20th.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
