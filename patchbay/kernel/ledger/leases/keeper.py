"""The ledger thread's turn on leases: answer misses, raise and answer recalls, return what nobody uses."""

import time

from patchbay.kernel.ledger.contracts import Taken
from patchbay.kernel.ledger.engine import leasing, processes, recalls
from patchbay.kernel.ledger.leases.book import LeaseBook, MemoryLease, Waiter

POLL_SECONDS = 0.04
RETRY_SECONDS = 0.25
RECALL_POLL_SECONDS = 0.01
IDLE_POLL_SECONDS = 0.5
REAP_SECONDS = 0.5
ORGANISATIONS_PER_TRANSACTION = 100


class LeaseKeeper:
    """Runs in the ledger thread only; whatever it raises from the database leaves the book to be resynced."""

    def __init__(self, book: LeaseBook) -> None:
        self._book = book
        self._recalling: list[MemoryLease] = []
        self._returns_at = 0.0
        self._reaped_at = 0.0

    def next_turn_seconds(self) -> float:
        """Return how long the thread may sleep when nothing wakes it."""
        if self._recalling:
            return RECALL_POLL_SECONDS
        return POLL_SECONDS if self._book.has_leases() else IDLE_POLL_SECONDS

    def turn(self) -> None:
        """Do what is due; returns quickly when nothing is."""
        self._check_recalls()
        if waiting := self._book.waiting():
            due = [(lease, waiters) for lease, waiters in waiting if _is_due(lease)]
            for start in range(0, len(due), ORGANISATIONS_PER_TRANSACTION):
                self._answer(due[start : start + ORGANISATIONS_PER_TRANSACTION])
            self._give_up_late(waiting)
        if self._book.has_leases() and time.monotonic() >= self._returns_at:
            self._returns_at = time.monotonic() + POLL_SECONDS
            self._return()

    def return_all(self) -> None:
        """Give everything free back, when the process stops."""
        self._book.refuse("Patchbay is stopping; nothing was charged.")
        leases = self._book.every()
        for start in range(0, len(leases), ORGANISATIONS_PER_TRANSACTION):
            some = leases[start : start + ORGANISATIONS_PER_TRANSACTION]
            leasing.give_back(self._book.process_id, self._book.withdraw(some), {})

    def _answer(self, waiting: list[tuple[MemoryLease, list[Waiter]]]) -> None:
        expired = [lease for lease, _ in waiting if lease.is_expired()]
        if expired:
            leasing.give_back(self._book.process_id, self._book.withdraw(expired), {})
        wants = [self._book.want(lease, waiters) for lease, waiters in waiting]
        taken = {answer.organisation_id: answer for answer in leasing.take(self._book.process_id, wants)}
        for lease, waiters in waiting:
            answer = taken[lease.organisation_id]
            self._book.add(lease, answer)
            if answer.short:
                self._decide(lease, waiters, answer)

    def _decide(self, lease: MemoryLease, waiters: list[Waiter], answer: Taken) -> None:
        """Refuse whom the true balance does not cover; for the others ask the other holders, again only later."""
        self._book.decide(lease, waiters, answer)
        if not answer.others or lease.recall is not None or not lease.waiters:
            return
        answered = any(waiter.final for waiter in waiters)
        for waiter in waiters:
            waiter.asked, waiter.final = not answered, False
        if not answered:
            lease.recall = recalls.raise_recall(answer.others)
            self._recalling.append(lease)

    def _check_recalls(self) -> None:
        now = time.monotonic()
        if self._recalling and now - self._reaped_at > REAP_SECONDS:
            self._reaped_at = now
            processes.reap()
        for lease in list(self._recalling):
            if lease.recall is None or not lease.waiters or lease.recall.check():
                for waiter in list(lease.waiters):
                    waiter.final = waiter.final or waiter.asked
                lease.recall = None
                lease.try_at = 0.0
                self._recalling.remove(lease)

    def _give_up_late(self, waiting: list[tuple[MemoryLease, list[Waiter]]]) -> None:
        oldest = time.monotonic() - recalls.PATIENCE_SECONDS
        for lease, waiters in waiting:
            if late := [waiter for waiter in waiters if waiter.since < oldest]:
                self._book.give_up(lease, late)

    def _return(self) -> None:
        """Answer recalls, and give back what is scarce, expired or long unused."""
        recalled = leasing.recalled(self._book.process_id)
        leases = self._book.collect_returns(organisation_id for _, organisation_id, _ in recalled)
        acks = {lease_id: number for lease_id, _, number in recalled}
        if leases or acks:  # of a lease that memory no longer knows nothing is free: it is acknowledged all the same
            leasing.give_back(self._book.process_id, self._book.withdraw(leases), acks)
        self._book.drop_empty(leases)


def _is_due(lease: MemoryLease) -> bool:
    """While a recall is out, try only now and then: what comes back is decided on when all have answered."""
    now = time.monotonic()
    return now >= lease.try_at if lease.recall is None else now - lease.taken_at > RETRY_SECONDS
