"""The worker: one loop that claims due jobs, runs each in a thread, and keeps house.

At its start and every `HOUSEKEEPING` seconds it says that it lives, puts back what dead workers held and takes due
ticks of schedules. An enqueued job starts within `LOOK` seconds on this machine (a shared counter rings), within
`POLL` on others.
"""

import logging
import signal
import threading
import time
from types import FrameType

from django.db import InterfaceError, OperationalError, connections

from patchbay.kernel.jobs import dispatch, engine, liveness, scheduling
from patchbay.kernel.jobs.errors import FencedError, InterruptedJobError, TimeLimitError
from patchbay.kernel.jobs.running import RunningTask
from patchbay.lib.supervisor import watch_parent

LOOK = 0.1
POLL = 0.5
HOUSEKEEPING = 5.0
DRAIN = 10.0
INTERRUPT_GRACE = 2.0
STUCK_AFTER = 30.0
EXIT_RESTART = 75

log = logging.getLogger(__name__)


def run(*, concurrency: int = 1, stop_event: threading.Event | None = None) -> int:
    """Work until `stop_event` is set; without one, until SIGTERM or SIGINT. Return 0, or 75 to be started anew.

    Stopping interrupts at once what is resumable and waits `DRAIN` seconds for what else runs; what is interrupted is
    put back. 75 says that another worker
    took this one for dead, or that a task would not end.
    """
    if concurrency < 1:
        raise ValueError("A worker needs a concurrency of at least 1.")
    stop = stop_event or _stop_on_signals()
    watch_parent(stop.set)  # a worker that `supervisor` started ends with it
    return Worker(concurrency, stop).run()


def run_pending(*, limit: int = 1000) -> int:
    """Run due jobs in this thread, one after another, until none is due; return how many: for set-up and tests."""
    presence = liveness.Presence()
    done = 0
    try:
        while done < limit and (job := engine.claim_next(presence.worker_id)):
            error: BaseException | None = None
            try:
                engine.call(job)
            except Exception as raised:
                error = raised
            engine.finish(job, presence.worker_id, error)
            done += 1
    finally:
        presence.leave()
    return done


class Worker:
    """One worker process's loop."""

    def __init__(self, concurrency: int, stop: threading.Event) -> None:
        self._concurrency = concurrency
        self._stop = stop
        self._presence = liveness.Presence()
        self._running: list[RunningTask] = []
        self._task_ended = threading.Event()
        self._rung = self._heard = -1
        self._next = {"poll": 0.0, "house": 0.0}
        self._stuck = False

    def run(self) -> int:
        log.info("worker %s started", self._presence.worker_id)
        try:
            while not self._stop.is_set() and not self._stuck:
                try:
                    self._turn()
                except (OperationalError, InterfaceError):
                    log.exception("the database does not answer; trying again")
                    connections.close_all()
                    self._stop.wait(1.0)
            self._drain()
            self._presence.leave()
        except FencedError:
            log.warning("worker %s was taken for dead; what it ran is being run again", self._presence.worker_id)
            for task in self._running:
                task.interrupt(InterruptedJobError)
            return EXIT_RESTART
        finally:
            connections.close_all()
        log.info("worker %s stopped", self._presence.worker_id)
        return EXIT_RESTART if self._stuck else 0

    def _turn(self) -> None:
        if self._is_time("house", HOUSEKEEPING):
            self._presence.beat()
            if lost := liveness.bury_dead():
                log.warning("put back %d jobs of workers that died", lost)
            scheduling.tick()
        self._reap()
        if self._may_look() and self._claim():
            return
        self._task_ended.wait(LOOK)
        self._task_ended.clear()

    def _may_look(self) -> bool:
        """True when there may be a job: something was enqueued here, a task ended, or it is time to poll."""
        if len(self._running) >= self._concurrency:
            return False
        rung = dispatch.bell().read()
        if rung == self._heard and not self._is_time("poll", POLL):
            return False
        self._rung = rung
        return True

    def _claim(self) -> bool:
        job = engine.claim_next(self._presence.worker_id)
        if job is None:
            self._heard = self._rung  # nothing is left of what was rung for before the look
            return False
        self._running.append(RunningTask(job, self._task_ended.set))
        self._next["poll"] = 0.0  # where there was one there may be another
        return True

    def _reap(self) -> None:
        now = time.monotonic()
        for task in list(self._running):
            if task.done():
                self._settle(task)
            elif now > task.deadline:
                task.interrupt(TimeLimitError)
                if task.interrupted_at is not None and now > task.interrupted_at + STUCK_AFTER:
                    self._give_up_on(task)

    def _settle(self, task: RunningTask) -> None:
        """Write how a task ended; it stays in the list until that is written."""
        if isinstance(task.error, InterruptedJobError):
            engine.hand_back(task.job, self._presence.worker_id)
        else:
            if task.error is not None:
                log.warning("job %s %s failed", task.job.id, task.job.args_kwargs["args"][0], exc_info=task.error)
            engine.finish(task.job, self._presence.worker_id, task.error)
        self._running.remove(task)

    def _give_up_on(self, task: RunningTask) -> None:
        """A task that sits in C past its limit can be ended only with its process."""
        log.error("job %s does not end after its time limit; this worker ends", task.job.id)
        engine.finish(task.job, self._presence.worker_id, TimeLimitError("It did not end when told to."))
        self._running.remove(task)
        self._stuck = True

    def _drain(self) -> None:
        for task in self._running:
            if engine.spec_of(task.job).resumable:
                task.interrupt(InterruptedJobError)
        ends = time.monotonic() + (0.0 if self._stuck else DRAIN)
        while self._running and time.monotonic() < ends:
            self._task_ended.wait(LOOK)
            self._reap()
            if self._is_time("house", HOUSEKEEPING):
                self._presence.beat()
        for task in self._running:
            task.interrupt(InterruptedJobError)
        for task in list(self._running):
            if task.wait(INTERRUPT_GRACE):
                self._settle(task)
            else:
                engine.hand_back(task.job, self._presence.worker_id)

    def _is_time(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._next[what]:
            return False
        self._next[what] = now + every
        return True


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop
