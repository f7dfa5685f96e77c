"""uvicorn's HTTP/1.1 protocol, whose answers leave in one write.

uvloop gives each write to the kernel at once and the client wakes on each: a head by itself costs as much as a whole
small answer. Here a head waits for the first bytes of its body, at most until the event loop's turn ends.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class OneWriteProtocol(HttpToolsProtocol):
    """What uvicorn takes as `http`."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.transport = HeldHead(cycle, self.loop)  # type: ignore[assignment]
        super()._start_asgi_task(cycle, app)


class HeldHead:
    """Stands in for the transport until the head has left."""

    __slots__ = ("_cycle", "_head", "_loop", "_transport")

    def __init__(self, cycle: RequestResponseCycle, loop: asyncio.AbstractEventLoop) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        """Keep the first bytes; write them with the second."""
        if not self._head:
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._leave(self._head + data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            self._leave(self._head)

    def _leave(self, data: bytes) -> None:
        self._head = b""
        self._cycle.transport = self._transport
        self._transport.write(data)
