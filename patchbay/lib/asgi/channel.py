"""How a request's body comes in and its answer goes out: over a server's own connection, or over ASGI's callables."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from patchbay.lib.asgi.types import Headers, Receive, Send


class ClientGoneError(Exception):
    """The client closed the connection before its request was read."""


class Channel(Protocol):
    """One request's two ways. An answer is `whole`, or `begin`, `write` as often as needed, `finish`.

    What is sent to a client that has left is dropped. `status` is None until an answer has begun.
    """

    status: int | None

    async def piece(self) -> tuple[bytes, bool]:
        """Return what has come of the body, and whether more will; ClientGoneError."""
        ...

    async def whole(self, status: int, headers: Headers, body: bytes) -> None: ...

    async def begin(self, status: int, headers: Headers) -> None: ...

    async def write(self, data: bytes) -> None: ...

    async def finish(self, data: bytes) -> None: ...

    def watch(self, gone: Callable[[], None]) -> None:
        """Call `gone` once the client has left, until `unwatch`; only after the body was read."""
        ...

    def unwatch(self) -> None: ...


class AsgiChannel:
    """Over ASGI's callables."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.status: int | None = None
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Task[None] | None = None

    async def piece(self) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        return message.get("body", b""), message.get("more_body", False)

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        await self.begin(status, [(b"content-length", b"%d" % len(body)), *headers])
        await self.finish(body)

    async def begin(self, status: int, headers: Headers) -> None:
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data})

    def watch(self, gone: Callable[[], None]) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._wait_for_disconnect(gone))

    def unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    async def _wait_for_disconnect(self, gone: Callable[[], None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        gone()
