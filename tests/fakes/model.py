"""A model of this process whose every piece is scripted."""

import asyncio
from collections.abc import AsyncGenerator

from patchbay.products.gateway.engine.contracts import Delta, Finish, FinishReason, LocalRequest
from patchbay.products.gateway.wire.contracts import TokenUsage


class FakeModel:
    """Streams `pieces`, then finishes; raises `error` after `fail_after` pieces; waits for `gate` after the first."""

    pays_itself = False

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
        self.requests: list[LocalRequest] = []
        self.called = asyncio.Event()
        self.closed = False

    async def stream(self, request: LocalRequest) -> AsyncGenerator[Delta | Finish, None]:
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
