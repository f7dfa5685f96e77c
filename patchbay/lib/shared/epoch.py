"""The epoch that every process of every machine agrees on: a local counter, kept in step with Redis's.

Reading is always local, one memory access. Whoever bumps raises the local counter and Redis's before returning; a
process of another machine learns of it in the answer of its next call to Redis (`RedisRates`, `refresh`), with whose
change it was, and bumps its own machine's counter before it looks into a cache.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import structlog

from patchbay.lib.epoch import EVERYONE, Epoch
from patchbay.lib.errors import UnavailableError
from patchbay.lib.shared.link import CONNECT_SECONDS, SILENCE_SECONDS, away
from patchbay.lib.shared.scripts import CHANGES, EPOCH, RENEW, TAKE, TAKE_SHA

FOLLOW_SECONDS = 1.0
"""How old a cache may be that nobody refreshed before looking into it: pages, jobs."""
_CLOSED_SECONDS = 1.0

V = TypeVar("V")
log = structlog.get_logger(__name__)


class RedisEpoch:
    """Redis's counter, for any thread; blocks for one round trip. UnavailableError when Redis is away."""

    def __init__(self, url: str) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._failure: type[Exception] = redis.RedisError
        self._missing: type[Exception] = redis.exceptions.NoScriptError
        # One retry: a connection that stood idle may be gone without Redis being away.
        self._redis = redis.Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=SILENCE_SECONDS,
            retry=Retry(NoBackoff(), 1),
        )
        self._closed_until = 0.0

    def read(self, asked: int) -> "Told":
        """Return the counter and what changed since it was `asked`; it is renewed where Redis may have lost it."""
        return self._call(lambda: self._read(asked))

    def renew(self, asked: int, name: str) -> "Told":
        """Advance the counter because of a change of `name`'s; returns as `read`."""
        return self._call(lambda: self._renew(asked, name))

    def version(self) -> str:
        """Return the version of the server, of Valkey the one of Redis that it stands for."""
        return str(self._call(lambda: self._redis.info("server")["redis_version"]))

    def _call(self, command: Callable[[], V]) -> V:
        if time.monotonic() < self._closed_until:
            raise away()
        try:
            return command()
        except (self._failure, OSError) as error:
            self._closed_until = time.monotonic() + _CLOSED_SECONDS
            log.warning("redis_away", error=str(error))
            raise away() from error

    def _read(self, asked: int) -> "Told":
        try:
            return told(self._redis.evalsha(TAKE_SHA, 2, EPOCH, CHANGES, asked))
        except self._missing:
            self._renew(asked, EVERYONE)  # before the script is there: nobody may read the old one
            self._redis.script_load(TAKE)
            return told(self._redis.evalsha(TAKE_SHA, 2, EPOCH, CHANGES, asked))

    def _renew(self, asked: int, name: str) -> "Told":
        return told(self._redis.eval(RENEW, 2, EPOCH, CHANGES, asked, name))


Told = tuple[int, Iterable[str] | None]
"""Redis's counter, and whose changes were made since the one that was asked with, oldest first; None when unknown."""


def told(reply: Any) -> Told:
    """Read the beginning of an answer of the scripts."""
    return int(reply[0]), None if reply[1] is None else [name.decode() for name in reply[1]]


class SharedEpoch:
    """The local counter `local`, kept in step with the one in Redis where there is one."""

    def __init__(self, local: Epoch, redis: RedisEpoch | None = None) -> None:
        self._local = local
        self._redis = redis
        self._owed = False

    def read(self) -> int:
        """Return the local counter: what is cached under another value may be out of date."""
        return self._local.read()

    def changes_since(self, seen: int) -> tuple[int, frozenset[str] | None]:
        """Return the local counter and whose changes were made since `seen`; None for everyone's, and for too many."""
        return self._local.changes_since(seen)

    def bump(self, name: str = EVERYONE) -> int:
        """Say to every process of every machine that `name` changed; blocks for one round trip to Redis.

        UnavailableError when Redis is away: this machine knows, the others are told once it is back. They are told
        that all changed, and so is this machine: the caller may have had more to say, which the error keeps from it.
        """
        self._local.bump(name)
        if self._redis is not None:
            self._renew(self._redis, name)
        return self._local.read()

    def announce(self, name: str = EVERYONE) -> None:
        """Bump for something new, which nobody's safety hangs on: it is not an error when others learn of it later."""
        try:
            self.bump(name)
        except UnavailableError:
            log.warning("epoch_owed")

    def refresh(self) -> None:
        """Learn what other machines changed, before looking into a cache; UnavailableError when Redis is away."""
        if self._redis is not None:
            if self._owed:
                self._owed = False
                self._renew(self._redis, EVERYONE)
            asked = self.mark()
            self.follow(asked, self._redis.read(asked))

    def mark(self) -> int:
        """Return Redis's counter as this machine saw it last: who calls Redis asks with it."""
        return self._local.mark()

    def follow(self, asked: int, answer: Told) -> None:
        """Pass on to this machine's caches what Redis told who had asked with the mark `asked`."""
        self._local.follow(asked, *answer)

    def _renew(self, redis: RedisEpoch, name: str) -> None:
        asked = self.mark()
        try:
            self.follow(asked, redis.renew(asked, name))
        except UnavailableError:
            self._local.bump(EVERYONE)
            self._owed = True
            raise


class Follower:
    """Refreshes an epoch every second in a thread, so that what nobody asked about is not old for long."""

    def __init__(self, epoch: SharedEpoch) -> None:
        self._epoch = epoch
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="epoch-follower", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(FOLLOW_SECONDS):
            try:
                self._epoch.refresh()
            except UnavailableError:
                continue
            except Exception:  # a fault of ours must not end it: caches would grow old unseen
                log.exception("epoch_refresh_failed")
