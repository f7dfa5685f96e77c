"""What is kept of a request besides its usage record: why it failed, who stores its answer, opted in what was said.

All are notes: a request never waits for them. They queue in memory, a thread writes a batch at a time, and when the
queue is full or the database is away for long, notes are dropped and counted, never requests.
"""

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction

from patchbay.kernel.audit import services as audit
from patchbay.lib import crypto
from patchbay.lib.actor import system_actor
from patchbay.products.gateway.contracts import Keeper
from patchbay.products.gateway.models import FailedRequest, RequestBody, StoredAnswer
from patchbay.products.gateway.queries.requests import KeptBody

MAX_QUEUED = 20_000
MAX_QUEUED_BYTES = 64 * 1024 * 1024
MAX_BODY_BYTES = 4 * 1024 * 1024
"""Of one kept body, request or answer; what is longer is cut there and says so."""
BATCH = 500
GATHER_SECONDS = 0.2
TRIES = 3
_encode = msgspec.json.Encoder().encode
log = structlog.get_logger(__name__)


class Failure(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request that was refused or failed; `status` and `code` are what the client was told.

    `requests` is how many alike it stands for (`failures.Refusals`).

    `tries` are what `queries.requests.TryView` reads: anything with those attributes.
    """

    request_id: str
    organisation_id: str
    door: str
    status: int
    code: str
    message: str = ""
    alias: str = ""
    key_id: str = ""
    user_id: str = ""
    tries: Sequence[Any] = ()
    latency_ms: int = 0
    requests: int = 1
    created_at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))


class Body(msgspec.Struct, frozen=True, gc=False):
    """Request and answer of one call, as they crossed the wire to and from the client; kept for `days`."""

    request_id: str
    organisation_id: str
    request: bytes
    answer: bytes
    days: int

    @property
    def size(self) -> int:
        return len(self.request) + len(self.answer)


class StoredIds(msgspec.Struct, frozen=True, gc=False):
    """The ids under which a provider keeps an answer and its items."""

    organisation_id: str
    ids: tuple[str, ...]
    keeper: Keeper
    created_at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))


class Overrun(msgspec.Struct, frozen=True, gc=False):
    """A call whose provider counted more than was held for it: for the audit log."""

    request_id: str
    organisation_id: str
    provider: str
    model: str
    held_micro: int
    cost_micro: int


Note = Failure | Body | StoredIds | Overrun


@dataclass(slots=True)
class Counts:
    """Notes since the process began."""

    written: int = 0
    dropped: int = 0


class RequestLog:
    """One per process. `note_failure` and its like take microseconds and may be called from any thread.

    The thread that writes lives only while there is something to write.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a forked child does: what the parent queued, and its thread, are the parent's."""
        self.counts = Counts()
        self._queue: deque[Note] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._written = threading.Condition(self._lock)
        self._writing = False

    def note_failure(self, failure: Failure) -> None:
        """Keep why a request failed."""
        self._note(failure, 0)

    def note_body(self, body: Body) -> None:
        """Keep what was said, encrypted, for an organisation that asked for it."""
        self._note(body, body.size)

    def note_stored(self, stored: StoredIds) -> None:
        """Keep who stores an answer."""
        self._note(stored, 0)

    def note_overrun(self, overrun: Overrun) -> None:
        """Have the audit log say that a call cost more than was held."""
        self._note(overrun, 0)

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until what was noted is written or dropped, as a process does before it ends; tell whether it was."""
        with self._written:
            return self._written.wait_for(lambda: not self._writing, timeout=seconds)

    def _note(self, note: Note, size: int) -> None:
        with self._lock:
            if len(self._queue) >= MAX_QUEUED or self._bytes + size > MAX_QUEUED_BYTES:
                self.counts.dropped += 1
                return
            self._queue.append(note)
            self._bytes += size
            start, self._writing = not self._writing, True
        if start:
            threading.Thread(target=self._run, name="gateway-request-log", daemon=True).start()

    def _run(self) -> None:
        try:
            while batch := self._take():
                self._write(batch)
        finally:
            connection.close()

    def _take(self) -> list[Note]:
        """Return the next batch; an empty one ends the thread, decided under the lock that starts the next."""
        if len(self._queue) < BATCH:
            time.sleep(GATHER_SECONDS)  # one transaction for what comes together
        with self._written:
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            self._bytes -= sum(note.size for note in batch if isinstance(note, Body))
            if not batch:
                self._writing = False
                self._written.notify_all()
            return batch

    def _write(self, batch: list[Note]) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                write(batch)
                self.counts.written += len(batch)
                return
            except (DatabaseError, InterfaceError) as error:
                connection.close()
                log.warning("request log not written", attempt=attempt, reason=str(error))
                time.sleep(GATHER_SECONDS * attempt)
            except Exception:  # one note that cannot be written must not end the thread
                log.exception("request log not written")
                break
        self.counts.dropped += len(batch)


def write(notes: list[Note]) -> None:
    """Write notes in one transaction; one that is there already is left as it is."""
    failures = [_failure_row(note) for note in notes if isinstance(note, Failure)]
    bodies = [_body_row(note) for note in notes if isinstance(note, Body)]
    stored = [row for note in notes if isinstance(note, StoredIds) for row in _stored_rows(note)]
    with transaction.atomic():
        FailedRequest.objects.bulk_create(failures, ignore_conflicts=True)
        RequestBody.objects.bulk_create(bodies, ignore_conflicts=True)
        StoredAnswer.objects.bulk_create(stored, ignore_conflicts=True)
        for note in notes:
            if isinstance(note, Overrun):
                _audit(note)


def _failure_row(note: Failure) -> FailedRequest:
    values: dict[str, Any] = msgspec.structs.asdict(note)
    values["tries"] = _encode(note.tries).decode()
    for name, length in (("message", 500), ("alias", 120), ("code", 60), ("door", 40)):
        values[name] = values[name].replace("\0", "")[:length]  # a client's text: PostgreSQL keeps no NUL
    return FailedRequest(**values)


def _audit(note: Overrun) -> None:
    audit.record(
        actor=system_actor(note.organisation_id),
        action="request.cost_more_than_held",
        target_type="request",
        target_id=note.request_id,
        target_name=f"{note.provider}/{note.model}",
        changes={"held_micro": note.held_micro, "cost_micro": note.cost_micro},
    )


def _stored_rows(note: StoredIds) -> list[StoredAnswer]:
    return [
        StoredAnswer(
            organisation_id=note.organisation_id,
            answer_id=each,
            provider_id=note.keeper.provider_id,
            provider_key_id=note.keeper.key_id,
            created_at=note.created_at,
        )
        for each in note.ids
    ]


def _body_row(note: Body) -> RequestBody:
    texts = [side[:MAX_BODY_BYTES].decode("utf-8", "replace") for side in (note.request, note.answer)]
    cut = max(len(note.request), len(note.answer)) > MAX_BODY_BYTES
    return RequestBody(
        request_id=note.request_id,
        organisation_id=note.organisation_id,
        encrypted=crypto.encrypt(msgspec.msgpack.encode(KeptBody(texts[0], texts[1], cut))),
        expires_at=datetime.now(UTC) + timedelta(days=note.days),
    )


REQUEST_LOG = RequestLog()
"""This process's."""
os.register_at_fork(after_in_child=REQUEST_LOG.forget)
atexit.register(REQUEST_LOG.flush, 5.0)
