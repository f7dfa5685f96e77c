"""A model whose every piece is scripted."""

import asyncio
from collections.abc import AsyncGenerator

from patchbay.products.gateway.engine.contracts import ChatRequest, Delta, Finish, FinishReason, TokenUsage


class FakeProvider:
    """Streams `pieces`, then finishes; raises `error` after `fail_after` pieces; waits for `gate` after the first."""

    name = "fake"

    def __init__(
        self,
        *pieces: str,
        usage: TokenUsage | None = None,
        reason: FinishReason | None = "stop",
        error: Exception | None = None,
        fail_after: int = 0,
        gate: asyncio.Event | None = None,
    ) -> None:
        self.pieces = pieces
        self.usage = usage
        self.reason = reason
        self.error = error
        self.fail_after = fail_after
        self.gate = gate
        self.requests: list[ChatRequest] = []
        self.called = asyncio.Event()
        self.closed = False

    def prompt_bound(self, request: ChatRequest) -> int:
        return request.prompt_bytes()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | Finish, None]:
        self.requests.append(request)
        self.called.set()
        try:
            for index, piece in enumerate(self.pieces):
                if self.error and index == self.fail_after:
                    raise self.error
                if self.gate and index == 1:
                    await self.gate.wait()
                yield Delta(piece)
            if self.error:
                raise self.error
            if self.reason:
                yield Finish(self.reason, self.usage)
        finally:
            self.closed = True
