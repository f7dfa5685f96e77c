"""What stands before an app that spools request bodies whole: a limit on them, and an answer when the server stops."""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Protocol

from patchbay.lib.asgi.channel import AsgiChannel, Channel, ClientGoneError
from patchbay.lib.asgi.request import Request, too_large
from patchbay.lib.asgi.responses import respond_problem, stopped
from patchbay.lib.asgi.types import ASGIApp, Headers, Message, Receive, Scope, Send
from patchbay.lib.errors import AppError, TooLargeError

LINGER_SECONDS = 2.0
"""How long a client that was refused may go on sending; closing at once would reset what it has not read yet."""


class Respond(Protocol):
    """Sends an error as the whole answer."""

    def __call__(self, request: Request, error: AppError, *, headers: Headers | None = None) -> Awaitable[None]: ...


class BodyLimit:
    """Serve `app`, but answer 413 for a body above `limit` bytes: at once if it is declared, else where it passes.

    What is cancelled unanswered, such as an upload that stalls while the server drains, is answered 503.
    `respond` says it in the client's way; by default as problem details.
    """

    def __init__(self, app: ASGIApp, limit: int, *, respond: Respond = respond_problem) -> None:
        self._app = app
        self._limit = limit
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request.from_scope(scope, receive, send, {})
        if request.declared_length > self._limit:
            return await self._refuse(request, receive, send, too_large(self._limit))
        begun = False

        async def send_noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            return await self._app(scope, self._counted(receive), send_noted)
        except TooLargeError as error:
            return await self._refuse(request, receive, send, error)
        except asyncio.CancelledError:
            if not begun:
                request.answer_headers = []
                await self._respond(request, stopped(), headers=[(b"connection", b"close")])
            raise

    def _counted(self, receive: Receive) -> Receive:
        size = 0

        async def receive_counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                raise too_large(self._limit)
            return message

        return receive_counted

    async def _refuse(self, request: Request, receive: Receive, send: Send, error: TooLargeError) -> None:
        """Answer whole, read on for a moment, and only then end the answer, which closes the connection."""
        request.channel, channel = OpenEnd(receive, send), request.channel
        request.answer_headers = []  # the dispatcher adds the request's id to all that its fallback sends
        await self._respond(request, error, headers=[(b"connection", b"close")])
        if request.header(b"expect") is None:  # who asked first whether to send sends nothing now
            with contextlib.suppress(TimeoutError, ClientGoneError):
                await asyncio.wait_for(_discard(channel), LINGER_SECONDS)
        await channel.finish(b"")


class OpenEnd(AsgiChannel):
    """Sends a whole answer without ending it."""

    async def finish(self, data: bytes) -> None:
        await self.write(data)


async def _discard(channel: Channel) -> None:
    more = True
    while more:
        _, more = await channel.piece()
