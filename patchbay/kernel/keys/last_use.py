"""When each key was last used: noted in memory, written in the background, at most once a minute for each key."""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from patchbay.kernel.keys.models import ApiKey

EVERY_SECONDS = 60.0
GATHER_SECONDS = 1.0
_MAX_KEYS = 100_000
_AT_ONCE = 500
_log = logging.getLogger(__name__)


class LastUse:
    """One per process. `note` never waits; a thread that lives only while there is something to write writes it."""

    def __init__(self) -> None:
        self._noted: dict[str, float] = {}
        self._pending: set[str] = set()
        self._lock = threading.Lock()
        self._writing = False

    def note(self, key_id: str) -> None:
        """Remember that a key was used now."""
        now = time.monotonic()
        if now - self._noted.get(key_id, -EVERY_SECONDS) < EVERY_SECONDS:
            return
        with self._lock:
            if len(self._noted) >= _MAX_KEYS:
                self._noted.clear()
            self._noted[key_id] = now
            self._pending.add(key_id)
            start, self._writing = not self._writing, True
        if start:
            threading.Thread(target=self._write_soon, name="key-last-use", daemon=True).start()

    def flush(self) -> None:
        """Write what is pending now, hundreds at a time. A row that another process renewed lately is left alone."""
        with self._lock:
            pending, self._pending = sorted(self._pending), set()
        now = datetime.now(UTC)
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(seconds=EVERY_SECONDS / 2))
        for start in range(0, len(pending), _AT_ONCE):
            some = ApiKey.objects.filter(stale, pk__in=pending[start : start + _AT_ONCE])
            with transaction.atomic():  # a row that another process writes now needs no second time
                rows = some.select_for_update(skip_locked=True).values("pk")
                ApiKey.objects.filter(pk__in=rows).update(last_used_at=now)

    def _write_soon(self) -> None:
        time.sleep(GATHER_SECONDS)  # gathers the keys of one burst into one visit
        with self._lock:
            self._writing = False
        try:
            self.flush()
        except (DatabaseError, RuntimeError) as error:  # a time of use is worth no more than a line in the log
            _log.warning("last use of keys not written", extra={"reason": str(error)})
        finally:
            connection.close()
