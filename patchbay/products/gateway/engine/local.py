"""Models of this process behind the same kind of answer that a server gives: chat, whole or as a stream."""

import math
import time
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from patchbay.lib.ids import new_id
from patchbay.products.gateway.contracts import ModelTarget, ProviderConfig, ProviderKey
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.engine.contracts import Answer, Delta, Finish, LocalStream, Outgoing
from patchbay.products.gateway.engine.prompt_size import estimate
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Format, Target, TokenUsage
from patchbay.products.gateway.wire.reading import text_bytes
from patchbay.products.gateway.wire.translate.counts import as_chat

_encode = msgspec.json.Encoder().encode
_FORMATS: frozenset[Format] = frozenset(("chat",))


class LocalTransport:
    """Carries requests to one local model, by default the one that `config.base_url` names."""

    formats: frozenset[Format] = _FORMATS

    def __init__(self, config: ProviderConfig, name: str | None = None) -> None:
        self._name = name or config.base_url

    @property
    def pays_itself(self) -> bool:
        return registry.local_model(self._name).pays_itself

    def target(self, target: ModelTarget, max_output_tokens: int | None) -> Target:
        return Target(target.model, max_output_tokens)

    def learn(self, outgoing: Outgoing, status: int) -> bool:
        return False

    async def send(self, outgoing: Outgoing, key: ProviderKey | None) -> Answer:
        assert outgoing.local is not None
        pieces = registry.local_model(self._name).stream(outgoing.local)
        frame = Frame(outgoing.local.body["model"])
        return LocalAnswer(pieces, frame, outgoing.body, stream=outgoing.head.stream)


class Frame:
    """The parts of a chat answer that repeat in each of its events."""

    def __init__(self, model: str) -> None:
        self._common = {"id": new_id("chatcmpl"), "created": int(time.time()), "model": model}

    def event(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return self._data({"choices": [choice]})

    def usage_event(self, usage: TokenUsage) -> bytes:
        return self._data({"choices": [], "usage": as_chat(usage)})

    def whole(self, text: str, finish_reason: str, usage: TokenUsage) -> bytes:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
        return _encode(self._common | {"object": "chat.completion", "choices": [choice], "usage": as_chat(usage)})

    def _data(self, value: dict[str, Any]) -> bytes:
        return b"data: " + _encode(self._common | {"object": "chat.completion.chunk"} | value) + b"\n\n"


class ReadyAnswer:
    """An answer that is there whole."""

    status = 200

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    def header(self, name: bytes) -> str | None:
        return "application/json" if name == b"content-type" else None

    async def chunk(self) -> bytes | None:
        body, self._body = self._body, None
        return body

    async def read(self, limit: int, until: float = math.inf) -> bytes:
        return await self.chunk() or b""

    def close(self) -> None:
        """Nothing is held."""


class LocalAnswer:
    """Fulfils `contracts.Answer` from a local model's stream; where the model counted nothing, both sides' text is, so
    that every answer says what it used.

    A model that pays for itself is kept waiting at its Finish until `settle`, or ended by `abandon`.
    """

    status = 200

    def __init__(self, pieces: LocalStream, frame: Frame, request: bytes, *, stream: bool) -> None:
        self._pieces = pieces
        self._request = request
        self._produced_bytes = 0
        self._finish = Finish()
        self._body = self._events(frame) if stream else self._whole(frame)
        self._type = "text/event-stream" if stream else "application/json"

    def header(self, name: bytes) -> str | None:
        return self._type if name == b"content-type" else None

    async def chunk(self) -> bytes | None:
        return await anext(self._body, None)

    async def read(self, limit: int, until: float = math.inf) -> bytes:
        return b"".join([chunk async for chunk in self._body])

    def close(self) -> None:
        """Nothing is to be given back before `settle` or `abandon`."""

    @property
    def cost_micro(self) -> int:
        """What a model that pays for itself pays; known at its end."""
        return self._finish.cost_micro

    async def settle(self, response: bytes | None) -> None:
        """Let a model that pays for itself pay."""
        if self._finish.settle is not None:
            await self._finish.settle(response)

    async def abandon(self) -> None:
        """End the model; what it did not settle is free."""
        await self._body.aclose()
        await self._pieces.aclose()

    async def _events(self, frame: Frame) -> AsyncGenerator[bytes, None]:
        piece = await self._next()  # a model that refuses does so before anything has left
        yield frame.event({"role": "assistant", "content": ""})
        while isinstance(piece, Delta):
            yield frame.event({"content": piece.text})
            piece = await self._next()
        yield frame.event({}, piece.reason)
        yield frame.usage_event(self._used(piece))
        yield b"data: [DONE]\n\n"

    async def _whole(self, frame: Frame) -> AsyncGenerator[bytes, None]:
        texts: list[str] = []
        while isinstance(piece := await self._next(), Delta):
            texts.append(piece.text)
        yield frame.whole("".join(texts), piece.reason, self._used(piece))

    async def _next(self) -> Delta | Finish:
        piece = await anext(self._pieces, None)
        if piece is None:
            raise ModelBrokenError("The model's answer ended before it was whole; nothing was charged.")
        if isinstance(piece, Finish):
            self._finish = piece
        else:
            self._produced_bytes += text_bytes(piece.text)
        return piece

    def _used(self, finish: Finish) -> TokenUsage:
        return finish.usage or estimate(self._request, self._produced_bytes)
