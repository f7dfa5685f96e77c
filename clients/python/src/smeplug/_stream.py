"""An answer that arrives in pieces: the events of one question, and at the end the whole answer."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from smeplug._call import Call
from smeplug._fields import Fields
from smeplug._parse import parse_answer, parse_citation
from smeplug._problem import error_from_problem
from smeplug._sse import ServerSentEvent, SSEParser
from smeplug.errors import InvalidResponseError, StreamInterruptedError, StreamNotFinishedError
from smeplug.models import Answer, CitationEvent, Delta, StreamEvent

if TYPE_CHECKING:
    import httpx

    from smeplug._transport import AsyncTransport, Transport


class EventDecoder:
    """Turns the stream's bytes into typed events, and keeps the answer that `done` brings."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.request_id: str | None = None
        self._parser = SSEParser()

    def feed(self, chunk: bytes) -> Iterator[StreamEvent]:
        """The events that `chunk` completes, up to `done`; an `error` event is raised in its turn."""
        for event in self._parser.feed(chunk):
            decoded = self._decode(event)
            if self.answer is not None:
                return
            if decoded is not None:
                yield decoded

    def _decode(self, event: ServerSentEvent) -> StreamEvent | None:
        if event.event == "delta":
            return Delta(Fields("delta", _json(event)).text("text"))
        if event.event == "citation":
            return CitationEvent(parse_citation(Fields("citation", _json(event))))
        if event.event == "done":
            self.answer = parse_answer(_json(event), self.request_id)
        if event.event == "error":
            problem = Fields("error", _json(event)).raw
            status = problem.get("status")
            raise error_from_problem(
                problem, status=status if isinstance(status, int) else 500, request_id=self.request_id
            )
        return None  # `done`, a ping, or an event that a newer server sends


class _StreamState:
    """What both kinds of stream share."""

    def __init__(self, call: Call[Answer]) -> None:
        self._call = call
        self._decoder = EventDecoder()
        self._response: httpx.Response | None = None

    @property
    def answer(self) -> Answer:
        """The whole answer, once iteration has ended; before, StreamNotFinishedError."""
        if self._decoder.answer is None:
            raise StreamNotFinishedError("read the stream to its end before asking for its answer")
        return self._decoder.answer

    @property
    def idempotency_key(self) -> str | None:
        """What to ask again with, should the stream break, so as not to be charged twice."""
        return self._call.idempotency_key

    def _ended_early(self) -> StreamInterruptedError:
        return StreamInterruptedError(
            "the stream ended before its answer was complete", self.idempotency_key, self._decoder.request_id
        )


class AnswerStream(_StreamState):
    """Iterate once, best inside `with`. The question is sent on entering, or at the first event."""

    def __init__(self, transport: Transport, call: Call[Answer]) -> None:
        super().__init__(call)
        self._transport = transport
        self._events = self._read()

    def __enter__(self) -> AnswerStream:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[StreamEvent]:
        return self._events

    def close(self) -> None:
        """Hangs up; what was produced until then is charged."""
        if self._response is not None:
            self._response.close()
        self._events.close()

    def _open(self) -> httpx.Response:
        if self._response is None:
            self._response = self._transport.open(self._call)
            self._decoder.request_id = self._response.headers.get("x-request-id")
        return self._response

    def _read(self) -> Generator[StreamEvent, None, None]:
        from smeplug._transport import read_stream

        response = self._open()
        try:
            for chunk in read_stream(response, self.idempotency_key):
                yield from self._decoder.feed(chunk)
                if self._decoder.answer is not None:
                    return
        finally:
            response.close()
        raise self._ended_early()


class AsyncAnswerStream(_StreamState):
    """`AnswerStream` for `async with` and `async for`."""

    def __init__(self, transport: AsyncTransport, call: Call[Answer]) -> None:
        super().__init__(call)
        self._transport = transport
        self._events = self._read()

    async def __aenter__(self) -> AsyncAnswerStream:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self._events

    async def close(self) -> None:
        """Hangs up; what was produced until then is charged."""
        if self._response is not None:
            await self._response.aclose()
        await self._events.aclose()

    async def _open(self) -> httpx.Response:
        if self._response is None:
            self._response = await self._transport.open(self._call)
            self._decoder.request_id = self._response.headers.get("x-request-id")
        return self._response

    async def _read(self) -> AsyncGenerator[StreamEvent, None]:
        from smeplug._transport import async_read_stream

        response = await self._open()
        try:
            async for chunk in async_read_stream(response, self.idempotency_key):
                for event in self._decoder.feed(chunk):
                    yield event
                if self._decoder.answer is not None:
                    return
        finally:
            await response.aclose()
        raise self._ended_early()


def _json(event: ServerSentEvent) -> object:
    try:
        return json.loads(event.data)
    except ValueError as exc:
        raise InvalidResponseError(f"the stream's {event.event} event is not JSON") from exc
