"""A server on loopback that does to each connection what the test says, byte by byte."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    line: str
    headers: dict[str, str]
    body: bytes


class Peer:
    """The server's end of one connection; `number` counts from 1."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer

    async def request(self) -> Request:
        """Read a request; IncompleteReadError when the client closes instead."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
        assert len(headers) == len(lines), "a header stands twice"
        return Request(line, headers, await self.reader.readexactly(int(headers.get("content-length", "0"))))

    async def send(self, *pieces: bytes) -> None:
        """Send pieces that arrive apart from each other."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            for _ in range(4 if len(pieces) > 1 else 0):
                await asyncio.sleep(0)

    def reset(self) -> None:
        """End the connection by RST, not by FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_closed(self) -> None:
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


Script = Callable[[Peer], Awaitable[None]]


class RawServer:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.port = 0
        self.accepted = 0
        self.open = 0
        self._closed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.open += 1
        self._tasks.add(asyncio.ensure_future(self._run(Peer(self.accepted, reader, writer))))

    async def _run(self, peer: Peer) -> None:
        try:
            await self.script(peer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            peer.writer.close()
            self.open -= 1
            self._closed.set()

    async def until_open(self, count: int) -> None:
        """Wait until only so many connections are open, as the server sees it."""
        async with asyncio.timeout(20):
            while self.open > count:
                self._closed.clear()
                await self._closed.wait()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def serve(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Run a script for each connection, for the length of the block."""
    server = RawServer(script)
    listener = await asyncio.start_server(server.start, "127.0.0.1", 0, ssl=tls, backlog=1024)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await server.stop()


def answering(*answers: bytes, then_close: bool = False) -> Script:
    """Answer the requests of each connection by these answers, over and over, or once and then close."""

    async def script(peer: Peer) -> None:
        while True:
            for answer in answers:
                await peer.request()
                await peer.send(answer)
            if then_close:
                return

    return script


def whole(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    """An answer with a length."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"content-length: {len(body)}", *lines))
    return head.encode() + b"\r\n" + body


def chunked(*pieces: bytes) -> bytes:
    """An answer in chunks, whole."""
    return CHUNKED + b"".join(chunk(piece) for piece in pieces) + b"0\r\n\r\n"


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
