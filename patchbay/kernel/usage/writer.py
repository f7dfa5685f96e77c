"""The group-commit writer: one thread, one connection, one transaction for all that arrived during the last commit.

What arrives while it is written joins it: else callers would fall into two groups that wait for each other's commits.

A caller's future resolves after the commit, so that the final bytes of an answer leave only when its record and its
ledger entries are durable. The thread is the process's *ledger thread*: between commits it answers the lease book
(`ledger.leases.keeper`), so that nothing else in this process touches the stored balances of its leases.

When a batch fails by a fault of its contents, each item is tried alone in a savepoint and the faulty one fails
alone. When the database is away or full, holds are refused, the batch is kept and tried again until it is too old,
and the book is read anew from the database afterwards, because a commit may have been lost on the way back.
"""

import asyncio
import concurrent.futures
import threading
import time
from collections import deque
from collections.abc import Sequence

import msgspec
import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.ledger.contracts import Charge, SettleItem
from patchbay.kernel.ledger.errors import FencedError
from patchbay.kernel.ledger.leases import LeaseBook, LeasedHold, LeaseKeeper
from patchbay.kernel.usage.contracts import Settlement, UsageRecord
from patchbay.kernel.usage.engine import records
from patchbay.lib.errors import AppError, UnavailableError
from patchbay.lib.metrics.instruments import Gauge, Histogram
from patchbay.lib.transactions import raw_transaction

log = structlog.get_logger(__name__)

BATCH = 512
PATIENCE_SECONDS = 15.0
ORDER_SECONDS = 1.0
RETRY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0)
Outcome = Charge | Exception
COMMIT_SECONDS = Histogram(
    "patchbay_commit_seconds",
    "Time of a group commit of usage records and ledger entries",
    bounds=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
WAITING = Gauge("patchbay_settlements_waiting", "Settlements that wait for their commit")
HELD_UP = Gauge("patchbay_holds_waiting", "Calls that wait for a lease, or for what calls under way hold")


class _Pending(msgspec.Struct, eq=False):
    """A settlement in the queue; its outcome goes to `future`, which belongs to `loop` unless that is None.

    `item` is what its organisation pays, `caps` what its budgets count.
    """

    settlement: Settlement
    item: SettleItem
    since: float
    future: "asyncio.Future[Charge] | concurrent.futures.Future[Charge]"
    loop: asyncio.AbstractEventLoop | None
    caps: tuple[SettleItem, ...] = ()
    outcome: Outcome | None = None


class Writer:
    """One per process; `start` makes its thread, `stop` flushes and returns the leases."""

    def __init__(self) -> None:
        self._queue: deque[_Pending] = deque()
        self._batch: list[_Pending] = []
        self._nudge = threading.Event()
        self._stopping = False
        self._failures = 0
        self._next_try = 0.0
        self._order_at = 0.0
        self._opened: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.book = LeaseBook(self._nudge.set)
        self._keeper = LeaseKeeper(self.book)
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    @property
    def healthy(self) -> bool:
        """Whether settles commit: while they do not, holds are refused."""
        return not self._failures and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread, which opens this process in the ledger; what the database says against that is raised.

        The thread does it, so that an event loop may ask for it too, which must not touch the database itself.
        """
        self._thread.start()
        self._opened.result()
        WAITING.watch(lambda: len(self._queue) + len(self._batch))
        HELD_UP.watch(lambda: sum(len(waiters) for _, waiters in self.book.waiting()))

    def stop(self, seconds: float = 10.0) -> None:
        """Refuse new holds, commit what waits, return the leases and close the process row."""
        self.book.refuse("Patchbay is stopping; nothing was charged.")
        self._stopping = True
        self._nudge.set()
        self._thread.join(seconds)

    def submit(self, settlement: Settlement) -> "concurrent.futures.Future[Charge]":
        """Queue a settlement; the future resolves after its commit, or with the error of this item alone."""
        future: concurrent.futures.Future[Charge] = concurrent.futures.Future()
        self._enqueue(settlement, future, None)
        return future

    def settle(self, settlement: Settlement) -> "asyncio.Future[Charge]":
        """Queue a settlement and return what is to be awaited, as `submit` does, for the running event loop.

        Cancelling the waiter does not take it back.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Charge] = loop.create_future()
        self._enqueue(settlement, future, loop)
        return future

    def _enqueue(
        self,
        settlement: Settlement,
        future: "asyncio.Future[Charge] | concurrent.futures.Future[Charge]",
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        record, hold, cost = settlement.record, settlement.hold, settlement.cost_micro
        if cost < 0 or (record.environment == "test" and cost):
            raise ValueError("A cost cannot be negative, and a test key's must be zero.")
        if self._stopping:
            raise UnavailableError("Patchbay is stopping; nothing was charged.", retry_after=2)
        if hold is None:
            item = SettleItem(record.organisation_id, "", 0, record.request_id, cost)
        else:
            if hold.organisation_id != record.organisation_id:
                raise ValueError("The hold belongs to another organisation.")
            if settlement.budget_holds and not all(cap.open for cap in settlement.budget_holds):
                raise ValueError("A budget's hold was settled or released already.")
            item = self.book.begin_settle(hold, cost, record.request_id)
        caps: tuple[SettleItem, ...] = ()
        if settlement.budget_holds:
            caps = tuple(self.book.begin_settle(cap, cost, record.request_id) for cap in settlement.budget_holds)
        self._queue.append(_Pending(settlement, item, time.monotonic(), future, loop, caps))
        if not self._nudge.is_set():
            self._nudge.set()

    # -- the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            try:
                self.book.open(ledger.open_process())
            except Exception as error:
                self._opened.set_exception(error)
                return
            self._opened.set_result(None)
            while not self._stopping or self._queue or self._batch:
                self._nudge.wait(self._sleep_seconds())
                self._nudge.clear()
                self._turn()
            self._leave()
        finally:
            connection.close()

    def _sleep_seconds(self) -> float:
        if self._failures:
            return max(0.0, self._next_try - time.monotonic())
        return 0.0 if self._queue or self._stopping else self._keeper.next_turn_seconds()

    def _turn(self) -> None:
        if self._failures and time.monotonic() < self._next_try:
            return
        try:
            if self._batch or self._queue:
                began = time.perf_counter()
                self._commit()
                COMMIT_SECONDS.observe(time.perf_counter() - began)
            if self._failures:
                self._recover()
            if not self._stopping:
                self._keeper.turn()
                self._order_history()
        except FencedError:
            self._reopen()
        except (OperationalError, InterfaceError) as error:
            self._fail(error)
        except Exception as error:  # a fault of ours: never die silently, callers would wait for ever
            log.exception("ledger_thread_failed")
            self._fail(error)

    def _commit(self) -> None:
        """Write what waits: what its holds cover in one transaction, the rest in another; each is woken after its own.

        `_batch` is what is still to be written, should the database go away in between.
        """
        plain, excess = self._sort(self._batch)
        self._join(plain, excess)
        if plain:
            try:
                self._commit_together(plain, excess)
            except (OperationalError, InterfaceError, FencedError):
                raise
            except Exception as error:
                log.warning("batch_apart", error=str(error), count=len(plain))
                self._commit_apart(plain)
            self._batch = excess
            self._resolve(plain)
        if excess:
            self._commit_apart(excess)
            self._batch = []
            self._resolve(excess)

    def _join(self, plain: list[_Pending], excess: list[_Pending]) -> None:
        """Add what arrived to the batch, as far as there is room."""
        room = BATCH - len(self._batch)
        arrived = [self._queue.popleft() for _ in range(min(len(self._queue), room))]
        more_plain, more_excess = self._sort(arrived)
        plain += more_plain
        excess += more_excess
        self._batch = plain + excess

    def _sort(self, entries: Sequence[_Pending]) -> tuple[list[_Pending], list[_Pending]]:
        """Part those that cost no more than their hold from those that do; one whose hold was fenced is refused."""
        fenced, plain, excess = [], [], []
        process_id = self.book.process_id
        for entry in entries:
            hold = entry.settlement.hold
            if (hold is not None and hold.lease.process_id != process_id) or (
                entry.caps and any(cap.lease.process_id != process_id for cap in entry.settlement.budget_holds)
            ):
                entry.outcome = FencedError()
                fenced.append(entry)
            elif entry.item.excess_micro or (entry.caps and any(cap.excess_micro for cap in entry.caps)):
                excess.append(entry)
            else:
                plain.append(entry)
        if fenced:
            self._resolve(fenced)
        return plain, excess

    def _commit_together(self, plain: list[_Pending], excess: list[_Pending]) -> None:
        """Write all of `plain` in one transaction, and what arrives meanwhile; any fault undoes all of it."""
        written = 0
        with raw_transaction() as cursor:
            ledger.check_open(self.book.process_id)
            while written < len(plain):
                batch, written = plain[written:], len(plain)
                paid = [entry.item for entry in batch if entry.item.amount_micro]
                records.insert(cursor, records.make_rows(map(_posting, batch)))
                counted = [cap for entry in batch if entry.caps for cap in entry.caps if cap.amount_micro]
                ledger.settle_many(cursor, paid, counted)
                records.complete_claims(_answers(batch))
                self._join(plain, excess)
        for entry in plain:
            entry.outcome = Charge(entry.item.amount_micro, 0)

    def _commit_apart(self, batch: Sequence[_Pending]) -> None:
        """Write each item in a savepoint of its own: a faulty one fails alone, one written before succeeds."""
        with transaction.atomic(durable=True):
            ledger.check_open(self.book.process_id)
            ledger.lock_all(item for entry in batch for item in (entry.item, *entry.caps))
            for entry in batch:
                try:
                    with transaction.atomic():
                        entry.outcome = self._write_one(entry)
                        records.complete_claims(_answers([entry]))
                except (OperationalError, InterfaceError):
                    raise
                except Exception as error:
                    log.error("settle_failed", request_id=entry.item.request_id, error=str(error))
                    entry.outcome = error

    def _write_one(self, entry: _Pending) -> Charge:
        """Write one item; a request that has its record is answered without a second charge."""
        record = entry.settlement.record
        with connection.cursor() as wrapper, connection.wrap_database_errors:
            if not records.insert_once(wrapper.cursor, records.make_rows([(record, 0, 0, "")])[0]):
                return records.find_charge(record)
        charge = ledger.settle_one(entry.item)
        for cap in entry.caps:
            ledger.settle_one(cap)
        records.set_charge(record, charge)
        return charge

    def _resolve(self, entries: Sequence[_Pending]) -> None:
        """Close the holds, then wake the callers: once per batch and loop."""
        ended: list[tuple[LeasedHold, int]] = []
        by_loop: dict[asyncio.AbstractEventLoop | None, list[_Pending]] = {}
        for entry in entries:
            by_loop.setdefault(entry.loop, []).append(entry)
            hold = entry.settlement.hold
            if hold is None:
                continue
            # Nothing left the lease for a failed entry, nor for one that was written before: a `Before`, a subclass.
            spent = type(entry.outcome) is Charge
            ended.append((hold, entry.item.amount_micro if spent else 0))
            if entry.caps:
                caps = zip(entry.settlement.budget_holds, entry.caps, strict=True)
                ended += [(cap, item.amount_micro if spent else 0) for cap, item in caps]
        self.book.finish_settles(ended)
        for loop, resolved in by_loop.items():
            if loop is None:
                _wake_all(resolved)
                continue
            try:
                loop.call_soon_threadsafe(_wake_all, resolved)
            except RuntimeError:  # the loop is closed: the work is committed, nobody waits
                log.info("settle_without_waiter", count=len(resolved))

    def _order_history(self) -> None:
        """Bring what was written into the order of organisations; a table a turn, because others wait meanwhile."""
        if time.monotonic() >= self._order_at and not (ledger.order_history() or records.order_history()):
            self._order_at = time.monotonic() + ORDER_SECONDS

    # -- failure and recovery -----------------------------------------------------------------------------------

    def _fail(self, error: Exception) -> None:
        """Refuse holds, give up what is too old, and try again a little later on a new connection."""
        log.warning("ledger_unavailable", error=str(error), waiting=len(self._batch) + len(self._queue))
        self._next_try = time.monotonic() + RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
        self.book.refuse("Patchbay cannot write to its ledger right now; nothing was charged.")
        connection.close()
        limit = time.monotonic() - PATIENCE_SECONDS
        waiting = [*self._batch, *(self._queue.popleft() for _ in range(len(self._queue)))]
        late = [entry for entry in waiting if entry.since < limit or self._stopping]
        self._batch = [entry for entry in waiting if entry not in late]
        unavailable: AppError = UnavailableError("Patchbay could not write to its ledger.", retry_after=5)
        for entry in late:
            entry.outcome = unavailable
        self._resolve(late)

    def _recover(self) -> None:
        """Prove that a write commits, then take the leases' balances from the database."""
        ledger.beat(self.book.process_id)
        self.book.resync(ledger.list_lease_balances(self.book.process_id))
        self._failures = 0
        self.book.refuse(None)
        log.info("ledger_available")

    def _reopen(self) -> None:
        """Start anew after being taken for dead: what was held is gone, and those who hold it are told so."""
        log.warning("ledger_process_fenced", process_id=self.book.process_id)
        try:
            self.book.open(ledger.open_process())
            self._failures = 0
        except DatabaseError as error:
            self._fail(error)
        self._nudge.set()

    def _leave(self) -> None:
        try:
            self._keeper.return_all()
            ledger.close_process(self.book.process_id)
        except (DatabaseError, InterfaceError, FencedError) as error:
            log.warning("leases_left_to_others", error=str(error))  # whoever reaps this process returns them


def _posting(entry: _Pending) -> tuple[UsageRecord, int, int, str]:
    """Return the record with its cost, which is the ledger's movement from the lease where it is anything."""
    paid = entry.item.amount_micro
    return entry.settlement.record, paid, 0, entry.item.lease_id if paid else ""


def _answers(batch: Sequence[_Pending]) -> list[tuple[str, bytes]]:
    answered = [entry.settlement for entry in batch if entry.settlement.claim_id]
    return [(done.claim_id, done.response) for done in answered if done.response is not None]


def _wake_all(entries: Sequence[_Pending]) -> None:
    for entry in entries:
        future, outcome = entry.future, entry.outcome
        if future.done():
            continue  # its waiter was cancelled; what it did is committed all the same
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        elif outcome is not None:
            future.set_result(outcome)
