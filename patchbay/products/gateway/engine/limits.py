"""Requests per minute: an organisation's by its plan and a key's own, over all processes, and the headers that say so.

`take_now` answers where rates are counted in memory, so that no await is paid for; everywhere else a door takes by
`identify_and_take`, before it looks into a cache, and checks once more who called when the epoch has moved since: what
other machines changed or revoked comes with the answer.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from patchbay.lib.asgi.types import Headers
from patchbay.lib.errors import RateLimitedError
from patchbay.lib.shared import state
from patchbay.lib.shared.contracts import WINDOW_SECONDS, Rate, RateStore, Taken
from patchbay.products.gateway.contracts import Caller

_W = int(WINDOW_SECONDS)
_ROUNDING = 0.01
_NAMES = (b"plan", b"key")
_WORDS = {
    b"plan": (
        "Your plan allows",
        "Wait as long as Retry-After says, or ask whoever runs this Patchbay for a larger plan.",
    ),
    b"key": ("This key allows", "Wait as long as Retry-After says, or raise the key's rate on the API keys page."),
}
T = TypeVar("T")


class Limits:
    """Takes requests from the rates of their callers; by default from those of this process's shared state."""

    def __init__(self, store: RateStore | None = None) -> None:
        self._given = store

    @property
    def _store(self) -> RateStore:
        return self._given or state.rates()

    def take_now(self, caller: Caller, *, openai: bool = False) -> Headers | None:
        """Take one request and return the headers that say what is left; None where the store cannot at once.

        `openai` adds `x-ratelimit-…` as OpenAI sends it. RateLimitedError, with the headers, when there is none left.
        """
        rates = _rates_of(caller)
        taken = self._store.take_now(rates)
        return None if taken is None else _answer(caller, rates, taken, openai)

    async def identify_and_take(
        self, identify: Callable[[], Awaitable[T]], caller_of: Callable[[T], Caller], *, openai: bool = False
    ) -> tuple[T, Headers]:
        """Find out who calls and take one request; ask again who it is when something was changed or revoked since.

        Whose rates were changed is counted by the new ones, too: it may be another machine that changed them, and what
        is asked after that has returned is asked under them.
        """
        epoch = state.epoch()
        seen = epoch.read()
        who = await identify()
        rates = _rates_of(caller_of(who))
        taken = await self._take(rates)
        if epoch.read() != seen:
            who = await identify()
            if (new := _rates_of(caller_of(who))) != rates:
                rates, taken = new, await self._take(new)
        return who, _answer(caller_of(who), rates, taken, openai)

    async def _take(self, rates: Sequence[Rate]) -> Taken:
        store = self._store
        return store.take_now(rates) or await store.take(rates)


LIMITS = Limits()
"""The one of this process: every door takes from the same rates."""


def _rates_of(caller: Caller) -> Sequence[Rate]:
    plan = Rate(caller.organisation_id, caller.requests_per_minute or 1)
    if caller.key_requests_per_minute is None or caller.key_id is None:
        return (plan,)
    return (plan, Rate(caller.key_id, caller.key_requests_per_minute or 1))


def _answer(caller: Caller, rates: Sequence[Rate], taken: Taken, openai: bool) -> Headers:
    remaining = [_remaining(rate.per_minute, used) for rate, used in zip(rates, taken.used_seconds, strict=True)]
    headers = _headers(rates, remaining, taken)
    if openai:
        headers += _openai_headers(rates, remaining, taken)
    if not taken.granted:
        raise _refusal(caller, rates, taken, headers)
    return headers


def _remaining(per_minute: int, used_seconds: float) -> int:
    left = int((WINDOW_SECONDS - used_seconds) * per_minute / WINDOW_SECONDS + _ROUNDING)
    return left if left > 0 else 0


@lru_cache(maxsize=1024)
def _policy(*limits: int) -> bytes:
    return b", ".join(b'"%b";q=%d;w=%d' % (name, limit, _W) for name, limit in zip(_NAMES, limits, strict=False))


@lru_cache(maxsize=4096)
def _left(name: bytes, remaining: int, seconds: int) -> bytes:
    return b'"%b";r=%d;t=%d' % (name, remaining, seconds)


def _headers(rates: Sequence[Rate], remaining: Sequence[int], taken: Taken) -> Headers:
    """RateLimit and RateLimit-Policy, by draft-ietf-httpapi-ratelimit-headers-10."""
    left = [
        _left(name, rest, math.ceil(used - _ROUNDING))
        for name, rest, used in zip(_NAMES, remaining, taken.used_seconds, strict=False)
    ]
    policy = _policy(*[rate.per_minute for rate in rates])
    return [(b"ratelimit-policy", policy), (b"ratelimit", left[0] if len(left) == 1 else b", ".join(left))]


def _openai_headers(rates: Sequence[Rate], remaining: Sequence[int], taken: Taken) -> Headers:
    """OpenAI's headers know one limit: the one with the fewest requests left."""
    least = 0 if len(rates) == 1 or remaining[0] <= remaining[1] else 1
    return [
        (b"x-ratelimit-limit-requests", b"%d" % rates[least].per_minute),
        (b"x-ratelimit-remaining-requests", b"%d" % remaining[least]),
        (b"x-ratelimit-reset-requests", _duration(math.ceil(taken.used_seconds[least] * 1000 - _ROUNDING))),
    ]


@lru_cache(maxsize=4096)
def _duration(milliseconds: int) -> bytes:
    """Write a time as OpenAI does: `120ms`, `7.66s`, `1m0s`."""
    if milliseconds < 1000:
        return b"%dms" % milliseconds
    minutes, milliseconds = divmod(milliseconds, 60_000)
    text = f"{milliseconds / 1000:g}s"
    return (f"{minutes}m{text}" if minutes else text).encode()


def _refusal(caller: Caller, rates: Sequence[Rate], taken: Taken, headers: Headers) -> RateLimitedError:
    """Return the error of a request that was not granted, with the time after which the next one is."""
    wait, name, limit = max(
        (used + WINDOW_SECONDS / rate.per_minute - WINDOW_SECONDS, name, rate.per_minute)
        for name, rate, used in zip(_NAMES, rates, taken.used_seconds, strict=False)
    )
    allows, next_step = _WORDS[name]
    return RateLimitedError(
        f"{allows} {limit} request{'s' if limit > 1 else ''} a minute.",
        whose=caller,
        next_step=next_step,
        retry_after=max(0.0, wait),
        extra={"limit": limit},
        headers=headers,
    )
