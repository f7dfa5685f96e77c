"""Leases in memory: the holds of one process, made and ended without a database.

`LeaseBook` is what callers see: a hold takes from the lease's free credit, in memory. A miss makes the caller wait;
the process's ledger thread (`usage.writer`) collects the misses of all organisations, and `LeaseKeeper` answers
them: leases more, recalls what others lease, and only when every other holder has answered does it refuse. The same
thread commits settles and returns credit, so that nothing races on a lease's stored balance. Between commits

    stored balance of the lease = free + held

holds for each lease; after a failure of unknown outcome `LeaseBook.resync` restores it from the database.

Credits that calls under way hold are not spent yet: mostly they cost less. So a hold that all unspent credit would
cover waits for them, for a while; only what has been spent refuses it.

A lease that took from a lot is not used after the lot expired; holds made in time are honoured, and so is what is
left over from them while it stays in this process.
"""

import asyncio
import concurrent.futures
import heapq
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock

import msgspec

from patchbay.kernel.ledger.contracts import SettleItem, Taken, Want
from patchbay.kernel.ledger.engine.recalls import Recall
from patchbay.kernel.ledger.errors import cap_reached, insufficient
from patchbay.lib.errors import AppError, UnavailableError

# A reserve covers this many holds like the largest that waits, or these seconds of recent use.
RESERVE_HOLDS = 64
RESERVE_SECONDS = 5
# A lease that nobody used returns after the first; one in use is looked at each time the second has passed.
IDLE_SECONDS = 30.0
LOOK_SECONDS = 600.0
EXPIRED_SECONDS = 1.0  # what holds leave over after a lease's end returns within this
# Leases that return in one transaction: so many hold up settles for milliseconds, and the rest wait their turn.
RETURNS_AT_ONCE = 50
AGAIN_SECONDS = 0.1
"""How soon those who wait for calls under way are looked after again; this process's own serve them at once."""
_HELD = "Calls under way hold the credits that this one needs; nothing was charged."


class LeasedHold(msgspec.Struct, eq=False, gc=False):
    """Credits set aside in memory for one call; exactly one settle or release ends it."""

    organisation_id: str
    amount_micro: int
    lease: "MemoryLease"
    open: bool = True


@dataclass(slots=True, eq=False)
class Waiter:
    """A hold that found too little free: `deliver` is called once with the hold or the refusal.

    `patient` says that it waits for what calls under way leave over; `asked` that a recall was raised for it, `final`
    that it was answered: the next decision stands.
    """

    amount_micro: int
    deliver: Callable[[LeasedHold | AppError], None]
    since: float
    patient: bool = False
    asked: bool = False
    final: bool = False
    hold: LeasedHold | None = None


@dataclass(slots=True, eq=False)
class MemoryLease:
    """One organisation's lease as this process knows it."""

    organisation_id: str
    process_id: str
    lease_id: str = ""
    free: int = 0
    held: int = 0
    scarce: bool = False
    usable_until: float | None = None
    used: int = 0
    used_before: int = 0
    taken_at: float = field(default_factory=time.monotonic)
    look_at: float = 0.0
    try_at: float = 0.0
    waiters: deque[Waiter] = field(default_factory=deque)
    recall: Recall | None = None

    def want(self, waiters: list[Waiter]) -> Want:
        """Return what to ask the ledger for, from those that wait and recent use."""
        needs = tuple(waiter.amount_micro for waiter in waiters)
        elapsed = max(1.0, time.monotonic() - self.taken_at)
        reserve = max(RESERVE_HOLDS * max(needs), int(RESERVE_SECONDS * self.used / elapsed))
        return Want(self.organisation_id, needs, self.free, reserve)

    def is_expired(self) -> bool:
        return self.usable_until is not None and time.monotonic() >= self.usable_until

    def is_empty(self) -> bool:
        """Whether nothing is lost when the lease is forgotten."""
        return not (self.free or self.held or self.waiters or self.recall)


class LeaseBook:
    """The leases of this process. Thread-safe; `wake` nudges the ledger thread when someone waits."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = Lock()
        self._leases: dict[str, MemoryLease] = {}
        self._looks: list[tuple[float, int, MemoryLease]] = []  # when to look at each lease: a heap
        self._looked = 0
        self._missed: set[str] = set()  # organisations for which someone may wait
        self._scarce: set[str] = set()  # organisations whose leases must keep nothing in reserve
        self._refusal: str | None = "Patchbay is starting; nothing was charged."
        self.process_id = ""

    # -- callers ------------------------------------------------------------------------------------------------

    async def hold(self, organisation_id: str, amount_micro: int) -> LeasedHold:
        """Set credits aside; InsufficientCreditsError (402) when nothing that is unspent covers them.

        UnavailableError (503) when the ledger cannot be written, or others hold what it needs for too long.
        """
        found = self._try(organisation_id, amount_micro)
        if found is not None:
            return found
        loop = asyncio.get_running_loop()
        future: asyncio.Future[LeasedHold] = loop.create_future()

        def resolve(outcome: LeasedHold | AppError) -> None:
            if isinstance(outcome, LeasedHold):
                if not future.cancelled():
                    future.set_result(outcome)
            elif not future.cancelled():
                future.set_exception(outcome)

        def deliver(outcome: LeasedHold | AppError) -> None:
            try:
                loop.call_soon_threadsafe(resolve, outcome)
            except RuntimeError:  # the loop is closed: nobody waits any more
                if isinstance(outcome, LeasedHold):
                    self._free_later(outcome)

        waiter = Waiter(amount_micro, deliver, time.monotonic(), patient=True)
        self._enqueue(organisation_id, waiter)
        try:
            return await future
        except asyncio.CancelledError:
            self._withdraw(organisation_id, waiter)
            raise

    def hold_blocking(self, organisation_id: str, amount_micro: int) -> LeasedHold:
        """The same for a thread that may block: briefly, so that what others hold refuses it."""
        found = self._try(organisation_id, amount_micro)
        if found is not None:
            return found
        future: concurrent.futures.Future[LeasedHold] = concurrent.futures.Future()

        def deliver(outcome: LeasedHold | AppError) -> None:
            if isinstance(outcome, LeasedHold):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)

        self._enqueue(organisation_id, Waiter(amount_micro, deliver, time.monotonic()))
        return future.result()

    def release(self, hold: LeasedHold) -> None:
        """Free a hold that will not be settled; nothing happens the second time."""
        with self._lock:
            if hold.open:
                hold.open = False
                self._end(hold.lease, hold.amount_micro, 0)
                self._serve(hold.lease)

    def check(self) -> None:
        """Raise UnavailableError while holds are refused because nothing could be settled."""
        if self._refusal is not None:
            raise UnavailableError(self._refusal, retry_after=2)

    def _try(self, organisation_id: str, amount_micro: int) -> LeasedHold | None:
        if amount_micro < 0:
            raise ValueError("A hold cannot be negative.")
        with self._lock:
            if self._refusal is not None:
                raise UnavailableError(self._refusal, retry_after=2)
            lease = self._leases.get(organisation_id)
            if lease is None or lease.free < amount_micro or lease.waiters:
                return None
            if lease.usable_until is not None and lease.is_expired():
                return None
            return self._give(lease, amount_micro)

    def _withdraw(self, organisation_id: str, waiter: Waiter) -> None:
        """Forget a waiter that was cancelled: what it was given meanwhile is free before its canceller goes on."""
        with self._lock:
            lease = self._leases.get(organisation_id)
            if lease is not None and waiter in lease.waiters:
                lease.waiters.remove(waiter)
        if waiter.hold is not None:
            self.release(waiter.hold)

    def _enqueue(self, organisation_id: str, waiter: Waiter) -> None:
        with self._lock:
            if self._refusal is not None:
                raise UnavailableError(self._refusal, retry_after=2)
            lease = self._leases.get(organisation_id)
            if lease is None:
                lease = self._make(organisation_id)
            lease.waiters.append(waiter)
            lease.try_at = 0.0
            self._missed.add(organisation_id)
        self._wake()

    def _make(self, organisation_id: str) -> MemoryLease:
        lease = self._leases[organisation_id] = MemoryLease(organisation_id, self.process_id)
        self._look_at(lease, time.monotonic() + IDLE_SECONDS)
        return lease

    def _look_at(self, lease: MemoryLease, at: float) -> None:
        """Have `collect_returns` look at the lease then: it never looks through all, which may be thousands."""
        self._looked += 1
        lease.look_at = at
        heapq.heappush(self._looks, (at, self._looked, lease))

    def _free_later(self, hold: LeasedHold) -> None:
        """Release from inside the book's lock, where `deliver` is called."""
        hold.open = False
        hold.lease.held -= hold.amount_micro
        hold.lease.free += hold.amount_micro

    @staticmethod
    def _give(lease: MemoryLease, amount_micro: int) -> LeasedHold:
        lease.free -= amount_micro
        lease.held += amount_micro
        lease.used += amount_micro
        return LeasedHold(lease.organisation_id, amount_micro, lease)

    def _end(self, lease: MemoryLease, amount_micro: int, spent_micro: int) -> None:
        lease.held -= amount_micro
        lease.free += amount_micro - spent_micro

    def _serve(self, lease: MemoryLease) -> None:
        """Give to those who wait, oldest first; a smaller one may fit where an older one does not."""
        if not lease.waiters or lease.is_expired():
            return
        waiting = list(lease.waiters)
        lease.waiters.clear()
        for waiter in waiting:
            if waiter.amount_micro <= lease.free:
                waiter.hold = self._give(lease, waiter.amount_micro)
                waiter.deliver(waiter.hold)
            else:
                lease.waiters.append(waiter)

    # -- the ledger thread: settles -----------------------------------------------------------------------------

    def begin_settle(self, hold: LeasedHold, cost_micro: int, request_id: str) -> SettleItem:
        """End the hold for its cost; what is above it comes from the lease's free credit as far as that goes.

        ValueError when the hold has ended already. `finish_settle` must follow, with the item, whatever happened.
        """
        with self._lock:
            if not hold.open:
                raise ValueError("This hold was settled or released already.")
            hold.open = False
            lease = hold.lease
            if cost_micro > hold.amount_micro and lease.free > 0:
                extra = min(cost_micro - hold.amount_micro, lease.free)
                lease.free -= extra
                lease.held += extra
                hold.amount_micro += extra
        inside = min(cost_micro, hold.amount_micro)
        return SettleItem(hold.organisation_id, lease.lease_id, inside, request_id, cost_micro - inside)

    def finish_settles(self, ended: list[tuple[LeasedHold, int]]) -> None:
        """Close holds after the commit, each with what was spent of it (0 when its settle failed)."""
        with self._lock:
            awaited = set()
            for hold, spent_micro in ended:
                self._end(hold.lease, hold.amount_micro, spent_micro)
                if hold.lease.waiters:
                    awaited.add(hold.lease)
            for lease in awaited:
                self._serve(lease)

    # -- the ledger thread: state -------------------------------------------------------------------------------

    def open(self, process_id: str) -> None:
        """Start under a new process row: leases of an earlier one are dropped, those who wait go on waiting."""
        with self._lock:
            old, self._leases = self._leases, {}
            self._looks.clear()
            self._scarce.clear()
            self.process_id = process_id
            self._refusal = None
            for organisation_id, lease in old.items():
                if lease.waiters:
                    fresh = self._make(organisation_id)
                    for waiter in lease.waiters:
                        waiter.asked = waiter.final = False
                    fresh.waiters, lease.waiters = lease.waiters, deque()

    def refuse(self, reason: str | None) -> None:
        """Refuse new holds with this reason, and those who wait; None takes holds again."""
        with self._lock:
            self._refusal = reason
            if reason is None:
                return
            for lease in self._leases.values():
                while lease.waiters:
                    lease.waiters.popleft().deliver(UnavailableError(reason, retry_after=2))
                lease.recall = None

    def resync(self, balances: dict[str, tuple[str, int]]) -> None:
        """Set each lease's free credit from the stored (lease, balance) by organisation.

        Called when no settle is between memory and database. A lease that memory does not know (its commit was not
        seen) is entered, so that it is used or returned.
        """
        with self._lock:
            for organisation_id, (lease_id, balance) in balances.items():
                lease = self._leases.get(organisation_id)
                if lease is None:
                    lease = self._make(organisation_id)
                lease.lease_id = lease_id
                lease.free = max(0, balance - lease.held)

    def waiting(self) -> list[tuple[MemoryLease, list[Waiter]]]:
        """Return leases someone waits for, with who waits now."""
        if not self._missed:
            return []
        with self._lock:
            found = [self._leases[name] for name in self._missed if name in self._leases]
            self._missed = {lease.organisation_id for lease in found if lease.waiters}
            return [(lease, list(lease.waiters)) for lease in found if lease.waiters]

    def want(self, lease: MemoryLease, waiters: list[Waiter]) -> Want:
        with self._lock:
            return lease.want(waiters)

    def every(self) -> list[MemoryLease]:
        with self._lock:
            return list(self._leases.values())

    def has_leases(self) -> bool:
        return bool(self._leases)

    def add(self, lease: MemoryLease, taken: Taken) -> None:
        """Enter what was leased and serve those who wait."""
        with self._lock:
            lease.lease_id = taken.lease_id
            lease.free += taken.amount_micro
            lease.scarce = taken.scarce
            (self._scarce.add if taken.scarce else self._scarce.discard)(lease.organisation_id)
            lease.used, lease.used_before, lease.taken_at = 0, 0, time.monotonic()
            if taken.usable_seconds is not None:
                until = time.monotonic() + taken.usable_seconds
                lease.usable_until = until if lease.usable_until is None else min(until, lease.usable_until)
                if until < lease.look_at:
                    self._look_at(lease, until)
            self._serve(lease)

    def decide(self, lease: MemoryLease, waiters: list[Waiter], answer: Taken) -> None:
        """Refuse those of `waiters` whom nothing covers; `answer` says what there was for them.

        Who is patient stays while all that is unspent would cover it, the others until other processes have answered.
        """
        with self._lock:
            refused = set()
            for waiter in waiters:
                known = waiter.final or not answer.others
                if waiter.amount_micro > answer.unspent_micro or (known and not waiter.patient):
                    refused.add(waiter)
            self._remove(lease, refused, lambda waiter: _refusal(answer, waiter, answer.free_micro + lease.free))
            lease.try_at = time.monotonic() + AGAIN_SECONDS

    @staticmethod
    def _remove(lease: MemoryLease, refused: set[Waiter], refuse: Callable[[Waiter], AppError]) -> None:
        """Deliver a refusal to those of `refused` that still wait."""
        waiting = list(lease.waiters)
        lease.waiters.clear()
        for waiter in waiting:
            if waiter in refused:
                waiter.deliver(refuse(waiter))
            else:
                lease.waiters.append(waiter)

    def give_up(self, lease: MemoryLease, late: list[Waiter]) -> None:
        """Answer 503 to those who waited too long for calls under way, or for another process."""
        with self._lock:
            self._remove(lease, set(late), lambda waiter: UnavailableError(_HELD, retry_after=1))

    def collect_returns(self, recalled: Iterable[str]) -> list[MemoryLease]:
        """Return leases with credit to give back: of recalled organisations, scarce or expired, or idle for long."""
        with self._lock:
            found = {}
            for organisation_id in recalled:
                if (lease := self._leases.get(organisation_id)) is not None:
                    lease.scarce = True  # somebody is short of it: what its holds leave over returns soon, too
                    self._scarce.add(organisation_id)
                    found[organisation_id] = lease
            for organisation_id in list(self._scarce):
                lease = self._leases.get(organisation_id)
                if lease is None or lease.is_empty():
                    self._drop(organisation_id)
                elif lease.free and not lease.waiters:
                    found[organisation_id] = lease
            self._look(found)
            return list(found.values())

    def _look(self, found: dict[str, MemoryLease]) -> None:
        """Look at the leases whose time has come, add those that return to `found`, forget what is empty."""
        now = time.monotonic()
        while self._looks and self._looks[0][0] <= now and len(found) < RETURNS_AT_ONCE:
            at, _, lease = heapq.heappop(self._looks)
            if at != lease.look_at or self._leases.get(lease.organisation_id) is not lease:
                continue
            if lease.is_empty():
                self._drop(lease.organisation_id)
                continue
            expired = lease.is_expired()
            idle = lease.used == lease.used_before and not lease.waiters
            if lease.free and (idle or expired):
                found[lease.organisation_id] = lease
            lease.used_before = lease.used
            later = now + (EXPIRED_SECONDS if expired else IDLE_SECONDS if idle else LOOK_SECONDS)
            self._look_at(lease, later if expired or lease.usable_until is None else min(later, lease.usable_until))

    def _drop(self, organisation_id: str) -> None:
        self._leases.pop(organisation_id, None)
        self._scarce.discard(organisation_id)

    def withdraw(self, leases: list[MemoryLease]) -> list[tuple[str, str, int]]:
        """Take all free credit out of these leases, to be returned in the database."""
        with self._lock:
            returns = []
            for lease in leases:
                if lease.lease_id:
                    returns.append((lease.organisation_id, lease.lease_id, lease.free))
                lease.free = 0
                lease.usable_until = None
            return returns

    def drop_empty(self, leases: Iterable[MemoryLease]) -> None:
        """Forget those that hold nothing, so that a process that served many organisations stays small."""
        with self._lock:
            for lease in leases:
                if lease.is_empty() and self._leases.get(lease.organisation_id) is lease:
                    self._drop(lease.organisation_id)


def _refusal(answer: Taken, waiter: Waiter, free_micro: int) -> AppError:
    if answer.cap is None:
        return insufficient(waiter.amount_micro, free_micro)
    cap = answer.cap
    return cap_reached(cap.scope, cap.cap_micro, cap.renews_at, amount_micro=waiter.amount_micro, left_micro=free_micro)
