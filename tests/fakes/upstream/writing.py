"""One connection of the fake: requests read strictly, answers written piece by piece, broken where a script says so."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

MAX_HEAD_BYTES = 64 * 1024
_METHODS = {"GET", "POST", "HEAD", "DELETE", "PUT", "PATCH"}


class GoneError(Exception):
    """The client closed, or a fault of ours ended the connection."""


class BadRequestError(Exception):
    """What came is not an HTTP/1.1 request as this server takes it."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def request(self) -> Request | None:
        """Return the next request; None when the client closed between two."""
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise GoneError from error
            return None
        except asyncio.LimitOverrunError as error:
            raise BadRequestError("the head is too large") from error
        line, *lines = head[:-4].split("\r\n")
        method, _, rest = line.partition(" ")
        target, _, version = rest.partition(" ")
        if method not in _METHODS or not target.startswith("/") or version != "HTTP/1.1":
            raise BadRequestError(f"the request line {line!r}")
        headers = _headers(lines)
        if "transfer-encoding" in headers or ("content-length" not in headers and method == "POST"):
            raise BadRequestError("a body without a length")
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Request(method, target, headers, body)

    async def head(self, status: int, headers: Mapping[str, str]) -> None:
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Status"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        await self.write(f"HTTP/1.1 {status} {phrase}\r\n{lines}\r\n".encode("latin-1"))

    async def whole(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        await self.head(status, {"content-type": "application/json", "content-length": str(len(body)), **headers})
        await self.write(body)

    async def write(self, piece: bytes) -> None:
        self._writer.write(piece)
        await self._writer.drain()

    async def until_gone(self) -> None:
        """Wait for the client to close; nothing else may come meanwhile."""
        await self._reader.read(1)
        raise GoneError

    async def wait_for(self, event: Awaitable[object]) -> None:
        """Wait for an event, or for the client to close."""
        gone = asyncio.ensure_future(self.until_gone())
        happened = asyncio.ensure_future(event)
        try:
            await asyncio.wait([gone, happened], return_when=asyncio.FIRST_COMPLETED)
            if not happened.done():
                raise GoneError
        finally:
            happened.cancel()
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError, GoneError, ConnectionError):
                await gone

    def reset(self) -> None:
        """End the connection by RST, not by FIN."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise GoneError

    def close(self) -> None:
        self._writer.close()


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or line[0] in " \t":
            raise BadRequestError(f"the header {name!r}")
        if name.lower() in headers:
            raise BadRequestError(f"the header {name!r} stands twice")
        headers[name.lower()] = value.strip()
    if "host" not in headers:
        raise BadRequestError("no Host")
    return headers
