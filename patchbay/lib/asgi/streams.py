"""A stream of bytes to one client, which says when the client has left or takes nothing any more."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from patchbay.lib.asgi.request import Request

STALL_SECONDS = 30.0
"""A client that takes nothing for so long counts as gone, or it would hold its credits for ever."""


class ByteStream:
    """Open with `start`, then `send` pieces, then `end`; `close` in any case.

    `on_gone` is called once, when the client has left, while whoever sends may be waiting for something to send.
    """

    def __init__(self, request: Request, *, on_gone: Callable[[], None] | None = None) -> None:
        self._channel = request.channel
        self._answer_headers = request.answer_headers
        self._on_gone = on_gone
        self._gone = False
        self._since: float | None = None
        self._sender: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stalled = False
        self.started = False

    @property
    def gone(self) -> bool:
        return self._gone

    async def start(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send the head and begin to watch the client."""
        self.started = True
        head = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"), *headers]
        await self._channel.begin(200, [*head, *self._answer_headers])
        self._channel.watch(self._leave)
        self._sender = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(STALL_SECONDS, self._look)

    async def send(self, data: bytes) -> bool:
        """Send bytes; False when the client has left, and nothing was sent."""
        if self._gone:
            return False
        await self._send(self._channel.write(data))
        return not self._gone

    async def end(self, data: bytes) -> None:
        """Send the last bytes and end the answer."""
        if not self._gone:
            await self._send(self._channel.finish(data))

    async def _send(self, sending: Awaitable[None]) -> None:
        self._since = time.monotonic()
        try:
            await sending
        except OSError:
            self._leave()
        except asyncio.CancelledError:
            if not self._stalled or self._sender is None:
                raise
            self._stalled = False
            self._sender.uncancel()  # it was `_look` that cancelled, to end the wait
        finally:
            self._since = None

    def close(self) -> None:
        """Stop watching."""
        self._channel.unwatch()
        if self._timer is not None:
            self._timer.cancel()

    def _leave(self) -> None:
        if self._gone:
            return
        self._gone = True
        if self._on_gone is not None:
            self._on_gone()

    def _look(self) -> None:
        """End the wait of whoever sends to a client that has taken nothing for a while."""
        if self._since is not None and time.monotonic() - self._since >= STALL_SECONDS and self._sender is not None:
            self._stalled = True
            self._sender.cancel()
            self._leave()
        self._timer = asyncio.get_running_loop().call_later(STALL_SECONDS / 2, self._look)
