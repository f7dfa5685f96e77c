"""Places at something that takes few at a time, or few a minute, counted over all processes in Redis.

A process says how many places it has in all and how many more it wants; nothing is added up or taken off, so that what
was lost on the way is put right by what it says next. A process that says nothing for LIFE_SECONDS has ended, and its
places are free.
"""

import hashlib
import math
import os
from typing import NamedTuple

import hiredis
import structlog

from patchbay.lib.ids import new_id
from patchbay.lib.shared.link import Link, away
from patchbay.lib.shared.scripts import PREFIX

LIFE_SECONDS = 15.0
_MICRO = 1_000_000
log = structlog.get_logger(__name__)


class Room(NamedTuple):
    """What may be had of something: so many places at once, so many a minute (None: no limit), so many in its queue."""

    places: int | None
    per_minute: int | None
    queue: int


class Given(NamedTuple):
    """How many of the places that were wanted are given, how many of the rest, the newest, have no room in the queue,
    and the seconds until the rate allows the next place (0 where it does)."""

    places: int
    refused: int
    pause: float


class RedisPlaces:
    """One process's word with Redis; `link` is shared with the rates."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._owner = new_id("proc")

    async def tell(self, name: str, room: Room, *, taken: int, wanted: int, waited_seconds: float) -> Given:
        """Say how many places of `name` this process has, and take some of those it wants besides.

        Who has waited longest comes first, whatever process it is in: `waited_seconds` is how long the first of ours
        has. UnavailableError when Redis is away.
        """
        waited = math.ceil(waited_seconds * _MICRO)
        limits = (room.places or 0, room.per_minute or 0, room.queue)
        owner = f"{self._owner}-{os.getpid()}"  # a forked child is another process
        rest = (1, f"{PREFIX}places:{name}", owner, taken, wanted, waited, *limits)
        await self._link.ready()
        reply = await self._link.send(("EVALSHA", _TELL_SHA, *rest))
        if isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT"):
            reply = await self._link.send(("EVAL", _TELL, *rest))
        if isinstance(reply, hiredis.ReplyError):
            log.warning("redis_refused", command="EVALSHA", reply=str(reply))
            raise away()
        return Given(reply[0], reply[1], reply[2] / _MICRO)


_TELL = """
local LIFE, ATTENTIVE, BURST, ORIGIN = 15000000, 1500000, 1000000, 1700000000
local time = redis.call('TIME')
local now = (time[1] - ORIGIN) * 1000000 + time[2]
local owner, taken, wanted = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local since, limit, rate, queue = now - ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local elsewhere, waiting, queued, before, next_at = 0, 0, 0, 0, 0
local known = redis.call('HGETALL', KEYS[1])
for i = 1, #known, 2 do
  if known[i] == 'next' then
    next_at = tonumber(known[i + 1])
  else
    local has, wants, from, seen = string.match(known[i + 1], '(%d+) (%d+) (%d+) (%d+)')
    if known[i] == owner then
      queued = tonumber(wants)
    elseif now - seen > LIFE then
      redis.call('HDEL', KEYS[1], known[i])
    else
      elsewhere = elsewhere + has
      if tonumber(wants) > 0 and now - seen < ATTENTIVE then
        waiting = waiting + wants
        if tonumber(from) < since then before = before + 1 end
      end
    end
  end
end
local given = wanted
if limit > 0 then given = math.min(given, limit - elsewhere - taken - before) end
local pause = 0
if rate > 0 then
  local interval = 60000000 / rate
  next_at = math.max(next_at, now - BURST)
  local allowed = math.max(0, math.floor((now - next_at) / interval) + 1)
  given = math.max(0, math.min(given, allowed - before))
  next_at = next_at + given * interval
  pause = math.max(0, math.ceil(next_at - now))
  redis.call('HSET', KEYS[1], 'next', string.format('%.0f', next_at))
end
given = math.max(0, given)
local left = wanted - given
local stay = math.min(left, math.max(queued, queue - waiting))
if taken + given + stay > 0 then
  redis.call('HSET', KEYS[1], owner, string.format('%.0f %.0f %.0f %.0f', taken + given, stay, since, now))
else
  redis.call('HDEL', KEYS[1], owner)
end
redis.call('PEXPIRE', KEYS[1], 120000)
return {given, left - stay, pause}
"""
"""KEYS: what it is about. ARGV: who says it, how many places it has, how many more it wants, for how many microseconds
the first of those has waited, the limits at once and a minute (0: none), and how many may wait in all. Returns how
many it gets, how many more cannot wait, and the microseconds until the rate allows the next. Who waits already is not
sent away for others.

One place is left for every process whose first has waited longer: it asks again within moments. A rate flows evenly,
with room for a second's burst: a provider counts its minute by its own clock, not ours.
"""
_TELL_SHA = hashlib.sha1(_TELL.encode(), usedforsecurity=False).hexdigest()
