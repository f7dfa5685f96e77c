"""One HTTP/1.1 connection: an exchange at a time, parsed by llhttp in the transport's own callback.

No task and no timer belongs to a connection. Silence is counted in ticks of the client's sweep: a tick is added by
the sweep and every arrival sets the count to zero, which costs nothing an exchange and forgives a process that was
itself held up.
"""

import asyncio
from typing import TYPE_CHECKING, Any, cast

import httptools

from patchbay.lib.http.answer import HttpAnswer
from patchbay.lib.http.errors import (
    BadAnswerError,
    BrokenBodyError,
    HeadTooLargeError,
    HttpError,
    HttpTimeoutError,
    ResetBeforeHeadError,
)

if TYPE_CHECKING:
    from patchbay.lib.http.pool import Pool

MAX_HEAD_BYTES = 64 * 1024
HIGH_WATER_BYTES = 256 * 1024
# Above it, head and body are written as two pieces rather than copied into one.
_COPY_BYTES = 64 * 1024


class Connection(asyncio.Protocol):
    """Belongs to a pool; `usable` while it is open and idle."""

    __slots__ = (
        "_answer",
        "_arrived",
        "_complete",
        "_empty_bytes",
        "_head_only",
        "_keep",
        "_loop",
        "_parser",
        "_paused",
        "_pool",
        "_served",
        "_transport",
        "_written",
        "lost",
        "max_quiet",
        "quiet",
        "usable",
    )

    _transport: asyncio.Transport

    def __init__(self, pool: "Pool", loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._loop = loop
        self._parser: Any = None
        self._answer: HttpAnswer | None = None
        self._served = 0
        self._reset()
        self.usable = False
        self.quiet = 0
        """Ticks since something last came or went."""
        self.max_quiet = 0
        """Ticks of silence that this exchange bears."""
        self.lost: asyncio.Future[None] = loop.create_future()
        """Done when the socket is closed."""

    def _reset(self) -> None:
        self._complete = False
        self._keep = False
        self._head_only = False
        self._arrived = False
        self._paused = False
        self._empty_bytes = 0
        self._written = 0

    # What the client calls.

    async def exchange(self, head: bytes, body: bytes, *, head_only: bool, max_quiet: int) -> HttpAnswer:
        """Send a request and return its answer once the head is in. Cancelling closes the connection."""
        self.usable = False
        self.quiet = 0
        self.max_quiet = max_quiet
        self._head_only = head_only
        answer = self._answer = HttpAnswer(self, self._loop)
        if len(body) <= _COPY_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        while not answer.status:
            answer.raise_error()
            await answer.wait()
        return answer

    def tick(self, max_idle: int) -> None:
        """Count a tick of silence, and end what has been silent for too long."""
        answer = self._answer
        if answer is None:
            self.quiet += 1
            if self.quiet > max_idle:
                self.close()
            return
        waiting = self._transport.get_write_buffer_size()
        if self._paused or waiting < self._written:
            self.quiet = 0  # the reader is the slow one, or a large body is still leaving
        self._written = waiting
        self.quiet += 1
        if self.quiet > self.max_quiet:
            self.end(HttpTimeoutError(f"{self._pool.address.host} was silent for too long"))

    def close(self) -> None:
        """Close an idle connection in order."""
        self.usable = False
        self._transport.close()

    def end(self, error: HttpError) -> None:
        """Close at once; whoever waits for an answer gets the error."""
        self.usable = False
        answer, self._answer = self._answer, None
        self._transport.abort()
        if answer is not None:
            answer.fail(error)

    # What the answer calls.

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self.quiet = 0
            self._transport.resume_reading()

    def abandon(self) -> None:
        self._answer = None
        self._transport.abort()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by shape only
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            # Nothing was asked: an error page before the close, or an answer too many, which nobody must be given.
            self.usable = False
            self._transport.abort()
            return
        self.quiet = 0
        self._arrived = True
        before = answer.buffered
        self._empty_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self.end(_bad_answer(error))
                return
            self._finish(answer, keep=False)
        else:
            if self._complete:
                self._finish(answer, keep=self._keep)
            elif answer.buffered == before:
                if self._empty_bytes > MAX_HEAD_BYTES:
                    self.end(HeadTooLargeError("the answer's head is too large"))
                    return
            else:
                self._empty_bytes = 0
                if answer.buffered > HIGH_WATER_BYTES and not self._paused:
                    self._paused = True
                    self._transport.pause_reading()
        answer.wake()

    def eof_received(self) -> None:
        self.usable = False  # an idle one is not taken in the moment before it is lost

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        self._parser = None  # it refers back here
        self._pool.forget(self)
        self.lost.set_result(None)
        answer, self._answer = self._answer, None
        if answer is None:
            return
        host = self._pool.address.host
        if not answer.status:
            reused = self._served > 0
            stale = reused and not self._arrived and self.quiet <= 1
            answer.fail(ResetBeforeHeadError(f"{host} closed the connection", reused=reused, stale=stale))
        elif exc is None and _ends_with_connection(answer):
            answer.finish()
            answer.wake()
        else:
            answer.fail(BrokenBodyError(f"{host} closed the connection inside the body"))

    def _finish(self, answer: HttpAnswer, *, keep: bool) -> None:
        self._answer = None
        answer.finish()
        if not keep or self._transport.get_write_buffer_size():  # answered before the request had left
            self._transport.close()
            return
        if self._head_only:
            self._parser = httptools.HttpResponseParser(self)  # the old one waits for the body that never comes
        if self._paused:
            self._transport.resume_reading()
        self._served += 1
        self._reset()
        self.usable = True
        self._pool.release(self)

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._complete:
            raise BadAnswerError("an answer too many")

    def on_header(self, name: bytes, value: bytes) -> None:
        answer = self._answer
        if answer is not None and not answer.status:  # later ones are trailers
            answer.headers.append((name, value))

    def on_headers_complete(self) -> None:
        answer = self._answer
        status = self._parser.get_status_code()
        if answer is None or status < 200:
            return
        if self._empty_bytes > MAX_HEAD_BYTES and _size(answer.headers) > MAX_HEAD_BYTES:
            raise HeadTooLargeError("the answer's head is too large")
        encoding = [value for name, value in answer.headers if len(name) == 16 and name.lower() == b"content-encoding"]
        if encoding and encoding != [b"identity"]:
            raise BadAnswerError("the answer is compressed, which was not asked for")
        answer.status = status
        self._empty_bytes = 0
        if self._head_only:
            self._complete = True
            self._keep = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        answer = self._answer
        if answer is not None and not self._head_only:
            answer.take(body)

    def on_message_complete(self) -> None:
        answer = self._answer
        if answer is None:
            return
        if answer.status:
            self._complete = True
            self._keep = self._parser.should_keep_alive()  # the parser knows it here only
        else:
            answer.headers.clear()  # of an interim answer (1xx)


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _ends_with_connection(answer: HttpAnswer) -> bool:
    """Tell whether the body's end is the connection's end: no length given, and not cut into chunks."""
    coding = answer.header(b"transfer-encoding")
    if coding is not None:
        return not coding.lower().rstrip().endswith("chunked")
    return answer.header(b"content-length") is None


def _bad_answer(error: Exception) -> HttpError:
    cause = error.__context__
    if isinstance(cause, HttpError):
        return cause
    if isinstance(error, httptools.HttpParserUpgrade):
        return BadAnswerError("the answer changes to another protocol")
    return BadAnswerError("the answer is not HTTP/1.1")
