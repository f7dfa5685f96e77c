"""The epoch that every process of every machine agrees on: a local counter, kept in step with Redis's.

Reading is always local, one memory access. Whoever bumps raises the local counter and Redis's before returning; a
process of another machine learns of it in the answer of its next call to Redis (`RedisRates`, `refresh`), and bumps
its own machine's counter before it looks into a cache.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from patchbay.lib.epoch import Epoch
from patchbay.lib.errors import UnavailableError
from patchbay.lib.shared.link import CONNECT_SECONDS, SILENCE_SECONDS, away
from patchbay.lib.shared.scripts import EPOCH, RENEW, TAKE, TAKE_SHA

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

    def read(self) -> int:
        """Return the counter; it is renewed where Redis may have lost it."""
        return self._call(self._read)

    def renew(self) -> int:
        """Advance the counter and return it."""
        return self._call(self._renew)

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

    def _read(self) -> int:
        try:
            return int(self._redis.evalsha(TAKE_SHA, 1, EPOCH)[0])
        except self._missing:
            self._renew()  # before the script is there: nobody may read the old one
            self._redis.script_load(TAKE)
            return int(self._redis.evalsha(TAKE_SHA, 1, EPOCH)[0])

    def _renew(self) -> int:
        return int(self._redis.eval(RENEW, 1, EPOCH))


class SharedEpoch:
    """The local counter `local`, kept in step with the one in Redis where there is one."""

    def __init__(self, local: Epoch, redis: RedisEpoch | None = None) -> None:
        self._local = local
        self._redis = redis
        self._owed = False

    def read(self) -> int:
        """Return the local counter: what is cached under another value is out of date."""
        return self._local.read()

    def bump(self) -> int:
        """Advance the counter for every process of every machine; blocks for one round trip to Redis.

        UnavailableError when Redis is away: this machine knows, the others are told once it is back.
        """
        self._local.bump()
        if self._redis is not None:
            self._owed = True
            self._renew(self._redis)
        return self._local.read()

    def announce(self) -> None:
        """Bump for something new, which nobody's safety hangs on: it is not an error when others learn of it later."""
        try:
            self.bump()
        except UnavailableError:
            log.warning("epoch_owed")

    def refresh(self) -> None:
        """Learn what other machines changed, before looking into a cache; UnavailableError when Redis is away."""
        if self._redis is not None:
            if self._owed:
                self._renew(self._redis)
            self.follow(self._redis.read())

    def follow(self, value: int) -> None:
        """Drop every cache of this machine when Redis's counter is not the one that this machine saw last."""
        self._local.follow(value)

    def _renew(self, redis: RedisEpoch) -> None:
        self.follow(redis.renew())
        self._owed = False


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
