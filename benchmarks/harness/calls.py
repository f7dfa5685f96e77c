"""Calls over kept-alive connections that say exactly how far an answer came, and can be left in the middle."""

import asyncio
from dataclasses import dataclass, field

from benchmarks.gateway import wire

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `complete` when its final bytes did. A call that was left has no status before the head."""

    status: int = 0
    complete: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def request_id(self) -> str:
        return self.headers.get("x-request-id", "")


class Connections:
    """Idle connections to one port, used again; as many as calls are under way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def ask(self, request: bytes, *, leave_after: int | None = None) -> Answer:
        """Send a request and read its answer; ConnectionError when the connection broke before its head.

        With `leave_after` the client is gone once that many bytes came (0: when the request is sent).
        """
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        answer = Answer()
        try:
            writer.write(request)
            if leave_after == 0:
                await writer.drain()
                return answer
            answer = await _read(reader, leave_after)
        finally:
            if answer.complete and answer.headers.get("connection") != "close":
                self._idle.append((reader, writer))
            else:
                writer.close()
        return answer

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def _read(reader: asyncio.StreamReader, leave_after: int | None) -> Answer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("closed before an answer's head") from error
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body, complete = await _read_body(reader, headers, leave_after)
    if complete and "content-length" not in headers:
        body = wire.unchunk(body)
    return Answer(int(first.split()[1]), complete, headers, body)


async def _read_body(
    reader: asyncio.StreamReader, headers: dict[str, str], leave_after: int | None
) -> tuple[bytes, bool]:
    """Return what came of a body and whether that is all of it."""
    length = int(headers["content-length"]) if "content-length" in headers else None
    body = bytearray()
    while True:
        ended = len(body) >= length if length is not None else body.endswith(b"0\r\n\r\n")
        if ended or (leave_after is not None and len(body) >= leave_after):
            return bytes(body), ended
        try:
            data = await reader.read(65536)
        except ConnectionError:
            data = b""
        if not data:
            return bytes(body), False
        body += data
