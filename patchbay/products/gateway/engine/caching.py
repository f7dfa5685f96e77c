"""Answers kept for requests that come again word for word: opt-in, in memory over Redis, never across organisations.

One of several equal requests at once asks the model; the others wait for its answer (single flight, per process).
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog

from patchbay.lib.errors import UnavailableError
from patchbay.lib.shared import state
from patchbay.products.gateway.contracts import PLUG_PREFIX, Caller, ModelAlias
from patchbay.products.gateway.engine.contracts import Ask
from patchbay.products.gateway.wire.reading import UNREADABLE

MAX_BYTES = 64 * 1024 * 1024
MAX_ANSWER_BYTES = 1024 * 1024
MAX_SECONDS = 30 * 24 * 3600
HEADER = b"x-patchbay-cache"
log = structlog.get_logger(__name__)
_sorted = msgspec.json.Encoder(order="sorted").encode


class Kept(msgspec.Struct, frozen=True, gc=False):
    """An answer as its client got it, whole or all events of a stream; `until` is a time since 1970."""

    body: bytes
    provider: str
    until: float


class Store(Protocol):
    """What processes share; it may lose anything, and fails with UnavailableError."""

    async def get(self, key: str) -> bytes | None: ...

    async def set(self, key: str, value: bytes, seconds: int) -> None: ...


def wanted_seconds(header: str | None, alias: ModelAlias) -> int:
    """Return for how long an answer may be kept and served again; 0 is not at all.

    The request's own word (`x-patchbay-cache: off`, or seconds) stands before the alias's setting. A plug's answer is
    never kept: what it quotes may be replaced or deleted the next moment, and the plug itself too.
    """
    if alias.name.startswith(PLUG_PREFIX):
        return 0
    if header is None:
        return alias.cache_seconds
    text = header.strip().lower()
    if text.isascii() and text.isdigit():
        return min(int(text), MAX_SECONDS)
    return 0 if text != "on" else alias.cache_seconds or 300


def cache_key(ask: Ask, alias: ModelAlias) -> str | None:
    """Return what an equal request shares: who asks, in which format, the body whatever its spacing and order, and
    where the model leads, so that one that is led elsewhere answers anew.

    None for a request that goes on from what a provider stored: its answer depends on more than its body. None too for
    a body of which we cannot read every part, as a provider may: then nothing says what is equal.
    """
    if ask.head.refers:
        return None
    caller = ask.caller
    try:
        body = _sorted(msgspec.json.decode(ask.body))
    except UNREADABLE:
        return None
    targets = [f"{target.provider.id}/{target.model}".encode() for target in alias.targets]
    parts = (*_scope(caller), ask.wire.name.encode(), *targets, *(value for _, value in ask.passed), body)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _scope(caller: Caller) -> tuple[bytes, ...]:
    return caller.organisation_id.encode(), caller.environment.encode(), (caller.plug_id or "").encode()


class ResponseCache:
    """The answers of one process, and those of others behind `store`."""

    def __init__(
        self, *, store: Store | None = None, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._size = 0
        self._under_way: dict[str, asyncio.Future[None]] = {}

    async def find(self, key: str) -> Kept | None:
        """Return an answer that is still young enough; waits for an equal request that is being answered now.

        None makes the caller the one who answers: it must call `leave` whatever happens, after `put` or without.
        """
        while True:
            if (kept := await self._look(key)) is not None:
                return kept
            leader = self._under_way.get(key)
            if leader is None:
                self._under_way[key] = asyncio.get_running_loop().create_future()
                return None
            await asyncio.shield(leader)

    async def put(self, key: str, body: bytes, provider: str, seconds: int) -> None:
        """Keep an answer; one that is too large is not kept."""
        if len(body) > MAX_ANSWER_BYTES:
            return
        kept = Kept(body, provider, self._clock() + seconds)
        self._remember(key, kept)
        if self._store is not None:
            try:
                await self._store.set(key, msgspec.msgpack.encode(kept), seconds)
            except UnavailableError:
                log.warning("answer not shared")

    def leave(self, key: str) -> None:
        """Let those who wait look again: for the answer, or to ask themselves."""
        leader = self._under_way.pop(key, None)
        if leader is not None and not leader.done():
            leader.set_result(None)

    async def _look(self, key: str) -> Kept | None:
        kept = self._kept.get(key)
        if kept is not None:
            if kept.until > self._clock():
                self._kept.move_to_end(key)
                return kept
            self._forget(key)
        if self._store is None or key in self._under_way:
            return None
        try:
            value = await self._store.get(key)
        except UnavailableError:
            return None
        if value is None:
            return None
        kept = msgspec.msgpack.decode(value, type=Kept)
        if kept.until <= self._clock():
            return None
        self._remember(key, kept)
        return kept

    def _remember(self, key: str, kept: Kept) -> None:
        self._forget(key)
        self._kept[key] = kept
        self._size += len(kept.body)
        while self._size > self._max_bytes:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: str) -> None:
        if (kept := self._kept.pop(key, None)) is not None:
            self._size -= len(kept.body)


class RedisStore:
    """What is kept under `kind` in the Redis that the processes share."""

    def __init__(self, kind: str) -> None:
        self._prefix = f"patchbay:{kind}:"

    async def get(self, key: str) -> bytes | None:
        value: bytes | None = await state.link().call("GET", self._prefix + key)
        return value

    async def set(self, key: str, value: bytes, seconds: int) -> None:
        await state.link().call("SET", self._prefix + key, value, "EX", seconds)
