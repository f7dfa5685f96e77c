"""An answer whose body is read as it arrives."""

import asyncio
import math
import time
from typing import Protocol

from patchbay.lib.http.errors import ClosedError, HttpError, HttpTimeoutError, HttpTooLargeError


class Source(Protocol):
    """The connection an unfinished answer hangs on."""

    def resume(self) -> None: ...
    def abandon(self) -> None: ...


class HttpAnswer:
    """Status, headers and body of one exchange.

    Read it to its end or close it. A connection whose answer has come in whole is back in the pool by itself, be its
    bytes read already or not; closing an unfinished answer closes the connection.
    """

    __slots__ = (
        "_by_name",
        "_error",
        "_loop",
        "_parts",
        "_source",
        "_waiter",
        "buffered",
        "ended",
        "headers",
        "status",
    )

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        """0 until the head is in, which no caller of `HttpClient.send` sees."""
        self.headers: list[tuple[bytes, bytes]] = []
        """As they came: names in their own case, repeated ones repeated."""
        self.ended = False
        """Whether the last byte has arrived (not: has been read)."""
        self.buffered = 0
        """Bytes that have arrived and are unread."""
        self._parts: list[bytes] = []
        self._by_name: dict[bytes, bytes] | None = None
        self._error: HttpError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._source: Source | None = source
        self._loop = loop

    def header(self, name: bytes) -> str | None:
        """Return a header by its lower-case name; the first where there are several."""
        if self._by_name is None:
            self._by_name = {key.lower(): value for key, value in reversed(self.headers)}
        value = self._by_name.get(name)
        return None if value is None else value.decode("latin-1")

    def try_chunk(self) -> bytes | None:
        """Return what has arrived and is unread: b"" when nothing has, None at the end; HttpError when it broke."""
        if self._parts:
            parts = self._parts
            piece = parts[0] if len(parts) == 1 else b"".join(parts)
            self._parts = []
            self.buffered = 0
            if self._source is not None:
                self._source.resume()
            return piece
        if self._error is not None:
            raise self._error
        return None if self.ended else b""

    async def chunk(self) -> bytes | None:
        """Return what has arrived, waiting for something to; None at the end; HttpError when it broke.

        Cancelling the wait closes the connection.
        """
        while (piece := self.try_chunk()) == b"":
            await self.wait()
        return piece

    async def read(self, limit: int, until: float = math.inf) -> bytes:
        """Return the whole body; when it is over `limit` bytes or still not whole at `until`, by the monotonic clock,
        the connection is closed: HttpTooLargeError, HttpTimeoutError."""
        parts: list[bytes] = []
        size = 0
        while (piece := self.try_chunk()) is not None:
            if not piece:
                await self.wait()
                if time.monotonic() > until:
                    self.close()
                    raise HttpTimeoutError("the answer takes too long")
                continue
            if self.ended and not parts and len(piece) <= limit:
                return piece
            parts.append(piece)
            size += len(piece)
            if size > limit:
                self.close()
                raise HttpTooLargeError(f"the answer is larger than {limit} bytes")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Give up what has not arrived; without effect on an answer that has ended."""
        source, self._source = self._source, None
        if source is not None:
            self._parts = []
            self.fail(ClosedError("the answer was closed"))
            source.abandon()

    async def wait(self) -> None:
        """Return when something has happened to the answer."""
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        except BaseException:
            self.close()
            raise
        finally:
            self._waiter = None

    # What the connection calls.

    def take(self, piece: bytes) -> None:
        self._parts.append(piece)
        self.buffered += len(piece)

    def finish(self) -> None:
        """Note that all has arrived; the connection is another's from here on."""
        self.ended = True
        self._source = None

    def fail(self, error: HttpError) -> None:
        """Note that no more will come; what has arrived may still be read first."""
        self._error = error
        self._source = None
        self.wake()

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def raise_error(self) -> None:
        """Raise what broke the answer, for one who waits for its head."""
        if self._error is not None:
            raise self._error
