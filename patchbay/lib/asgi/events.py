"""Server-sent events: written as they come, with a ping so that proxies keep the line open."""

import asyncio
import contextlib
from types import TracebackType
from typing import Any, Self

from patchbay.lib.asgi.request import Request, json_bytes
from patchbay.lib.asgi.types import Headers

PING_SECONDS = 15.0
STALL_SECONDS = 30.0
"""A client that takes nothing for so long counts as gone, or it would hold its credits for ever."""


class EventStream:
    """A stream of named events to one client.

    `gone` is set once the client has left; sending then does nothing and returns False, so that whoever produces
    can go on to meter what was produced.
    """

    def __init__(self, request: Request, *, ping_seconds: float = PING_SECONDS) -> None:
        self.gone = asyncio.Event()
        self._channel = request.channel
        self._answer_headers = request.answer_headers
        self._ping_seconds = ping_seconds
        self._turn = asyncio.Lock()
        self._pinging: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        headers: Headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache, no-transform"),
            (b"x-accel-buffering", b"no"),
            *self._answer_headers,
        ]
        await self._channel.begin(200, headers)
        self._channel.watch(self.gone.set)
        self._pinging = asyncio.create_task(self._ping())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.unwatch()
        self._pinging.cancel()
        await asyncio.gather(self._pinging, return_exceptions=True)
        if kind is None and not self.gone.is_set():
            with contextlib.suppress(OSError):
                await self._channel.finish(b"")

    async def send(self, event: str, value: Any) -> bool:
        """Send one event with a JSON value; False when the client has left."""
        return await self._write(b"event: " + event.encode() + b"\ndata: " + json_bytes(value) + b"\n\n")

    async def _write(self, data: bytes) -> bool:
        async with self._turn:
            if self.gone.is_set():
                return False
            try:
                async with asyncio.timeout(STALL_SECONDS):
                    await self._channel.write(data)
            except OSError:  # TimeoutError is one
                self.gone.set()
                return False
            return True

    async def _ping(self) -> None:
        while not self.gone.is_set():
            await asyncio.sleep(self._ping_seconds)
            await self._write(b": ping\n\n")
