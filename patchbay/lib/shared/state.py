"""This process's shared state, as the settings say: in memory, or in Redis when `PATCHBAY_REDIS_URL` is set."""

from functools import cache

from django.conf import settings

from patchbay.lib.epoch import Epoch
from patchbay.lib.errors import UnavailableError
from patchbay.lib.shared.contracts import RateStore
from patchbay.lib.shared.epoch import Follower, RedisEpoch, SharedEpoch
from patchbay.lib.shared.link import Link
from patchbay.lib.shared.memory import MemoryRates
from patchbay.lib.shared.places import RedisPlaces
from patchbay.lib.shared.redis_rates import RedisRates

OLDEST = 7


@cache
def epoch() -> SharedEpoch:
    """The counter that moves when a key, plan, price or route changes."""
    return SharedEpoch(Epoch(settings.EPOCH_FILE), RedisEpoch(settings.REDIS_URL) if settings.REDIS_URL else None)


def redis_fault() -> str:
    """Return why the Redis that is set cannot be used, "" when it can."""
    try:
        version = RedisEpoch(settings.REDIS_URL).version()
    except UnavailableError:
        return "Redis does not answer there; start it, or correct the address"
    if int(version.partition(".")[0]) < OLDEST:  # older ones keep scripts over a restart (scripts.py)
        return f"Redis {version} is too old; use {OLDEST} or newer, or Valkey"
    return ""


@cache
def link() -> Link:
    """The connection of this process's event loop; only where Redis is set."""
    return Link(settings.REDIS_URL)


@cache
def rates() -> RateStore:
    """The rates that every door takes from."""
    return RedisRates(link(), epoch()) if settings.REDIS_URL else MemoryRates()


@cache
def places() -> RedisPlaces:
    """The places that processes share; only where Redis is set."""
    return RedisPlaces(link())


def make_follower() -> Follower | None:
    """Return what keeps this process's caches young for those who do not refresh them; None without Redis."""
    return Follower(epoch()) if settings.REDIS_URL else None
