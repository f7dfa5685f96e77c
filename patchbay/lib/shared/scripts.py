"""What runs inside Redis (7 or newer, or Valkey), so that it is atomic and on one clock.

The *epoch* there is a number that is never used twice: each renewal makes it at least the time in microseconds. Redis
forgets scripts, and only scripts, whenever it may have forgotten more: on a restart from an old snapshot, or when a
replica takes over. So whoever finds TAKE gone renews the epoch before loading it again, and every process empties its
caches with its next call.

Beside it lie the last *changes*, newest first: each epoch with the one before it and whose change it was. Who says
which epoch it saw last is told whose changes were made since, if the epochs lead back there without a gap.
"""

import hashlib

from patchbay.lib.epoch import KEPT

PREFIX = "patchbay:"
EPOCH = f"{PREFIX}epoch"
CHANGES = f"{PREFIX}changes"

_SINCE = """
local function since(asked, epoch)
  local names, wanted = {}, epoch
  if asked == epoch then return names end
  for _, line in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
    local number, before, name = string.match(line, '^(%S+) (%S+) (.*)$')
    if number ~= wanted then return false end
    table.insert(names, 1, name)
    if before == asked then return names end
    wanted = before
  end
  return false
end
"""
"""Returns the names of the changes from `asked` to `epoch`, oldest first; nil where some are not known."""

RENEW = (
    _SINCE
    + f"""
local time = redis.call('TIME')
local fresh = time[1] * 1000000 + time[2]
local before = redis.call('GET', KEYS[1])
if before and tonumber(before) >= fresh then fresh = tonumber(before) + 1 end
local epoch = string.format('%.0f', fresh)
redis.call('SET', KEYS[1], epoch)
redis.call('LPUSH', KEYS[2], epoch .. ' ' .. (before or '-') .. ' ' .. ARGV[2])
redis.call('LTRIM', KEYS[2], 0, {KEPT - 1})
return {{fresh, since(ARGV[1], epoch)}}
"""
)
"""KEYS: the epoch, the changes. ARGV: the epoch that the caller saw last, whose change it is. Returns the new epoch and
the names since."""

TAKE = (
    _SINCE
    + """
local WINDOW, ROUNDING, ORIGIN = 60000000, 0.01, 1700000000
local time = redis.call('TIME')
local now = (time[1] - ORIGIN) * 1000000 + time[2]
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = string.format('%.0f', time[1] * 1000000 + time[2])
  redis.call('SET', KEYS[1], epoch)
end
local answer, filled, key, argument = {tonumber(epoch), since(ARGV[1], epoch)}, 2, 2, 2
while argument <= #ARGV do
  local count = tonumber(ARGV[argument])
  local granted, arrivals, intervals = 1, {}, {}
  for i = 1, count do
    local interval = WINDOW / ARGV[argument + i]
    local arrival = tonumber(redis.call('GET', KEYS[key + i]) or 0)
    if arrival < now then arrival = now end
    if arrival - now + interval * (1 - ROUNDING) > WINDOW then granted = 0 end
    arrivals[i], intervals[i] = arrival, interval
  end
  filled = filled + 1
  answer[filled] = granted
  for i = 1, count do
    if granted == 1 then
      arrivals[i] = arrivals[i] + intervals[i]
      redis.call('SET', KEYS[key + i], string.format('%.3f', arrivals[i]),
        'PX', math.ceil((arrivals[i] - now) / 1000) + 1)
    end
    filled = filled + 1
    answer[filled] = math.floor(arrivals[i] - now + 0.5)
  end
  key = key + count
  argument = argument + count + 1
end
return answer
"""
)
"""GCRA (`memory.MemoryRates` is the same in Python) for any number of requests in one call.

KEYS: the epoch, the changes, then the rates of each request. ARGV: the epoch that the caller saw last, then for each
request the number of its rates and their requests per minute. Returns the epoch and the names since, then for each
request 1 or 0 (granted) and for each of its rates the microseconds in use.
Arrival times count from ORIGIN, so that a double holds them to a hundredth of a microsecond.
"""

TAKE_SHA = hashlib.sha1(TAKE.encode(), usedforsecurity=False).hexdigest()
"""The name under which Redis keeps a loaded script."""
