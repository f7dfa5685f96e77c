"""The client: origins, their pools, new connections and the one sweep that looks after time."""

import asyncio
import math
import ssl
from weakref import WeakValueDictionary

from patchbay.lib.http.answer import HttpAnswer
from patchbay.lib.http.connection import Connection
from patchbay.lib.http.errors import ClosedError, ConnectError, ConnectTimeoutError, ResetBeforeHeadError
from patchbay.lib.http.guard import Guard
from patchbay.lib.http.origin import Address, Headers, Origin, parse_base_url
from patchbay.lib.http.pool import Pool

IDLE_SECONDS = 30.0


class HttpClient:
    """Sends requests over kept-alive connections of its own. One per event loop; close it at the end.

    `connect_seconds` bounds name, connection and TLS together. `read_seconds` bounds each silence of the other side,
    not the whole answer, to within a second. Certificates are always verified, by `tls` or the system's authorities.
    No redirect is followed, as it would carry a key to another host; no proxy variable is read.
    """

    def __init__(
        self,
        *,
        connect_seconds: float = 5.0,
        read_seconds: float = 60.0,
        guard: Guard | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._connect_seconds = connect_seconds
        self._guard = guard or Guard()
        self._tls = tls or ssl.create_default_context()
        self._pools: WeakValueDictionary[Address, Pool] = WeakValueDictionary()
        self._connections: set[Connection] = set()
        self._tick_seconds = min(1.0, read_seconds / 8)
        self._max_quiet = math.ceil(read_seconds / self._tick_seconds)
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def open_connections(self) -> int:
        """Busy and idle ones together."""
        return len(self._connections)

    def origin(self, base_url: str, *, private_allowed: bool = False, headers: Headers = ()) -> Origin:
        """Parse a base URL, to be kept; InvalidUrlError, ValueError for a header that cannot be sent.

        `private_allowed`: staff vouch for the URL, http:// included. `headers` (its key, say) go with every request.
        Origins of one address share their connections.
        """
        address, path = parse_base_url(base_url, private_allowed=private_allowed)
        pool = self._pools.get(address)
        if pool is None:
            pool = self._pools[address] = Pool(address, self._connections)
        return Origin(address, path, pool, headers)

    async def send(
        self,
        origin: Origin,
        method: str,
        path: str,
        headers: Headers = (),
        body: bytes = b"",
        *,
        read_seconds: float | None = None,
    ) -> HttpAnswer:
        """Send a request and return its answer once the head is in; HttpError.

        A kept-alive connection that the server was closing at that moment is replaced by a fresh one, once. Nothing
        else is tried again here. Cancelling closes the connection.
        """
        head = origin.head(method, path, headers, body)
        max_quiet = self._max_quiet if read_seconds is None else math.ceil(read_seconds / self._tick_seconds)
        head_only = method == "HEAD"
        connection = origin.pool.take()
        if connection is not None:
            try:
                return await connection.exchange(head, body, head_only=head_only, max_quiet=max_quiet)
            except ResetBeforeHeadError as error:
                if not error.stale:
                    raise
        connection = await self._connect(origin)
        return await connection.exchange(head, body, head_only=head_only, max_quiet=max_quiet)

    async def close(self) -> None:
        """End all exchanges with ClosedError and close all connections."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        connections = list(self._connections)
        for connection in connections:
            connection.end(ClosedError("the client was closed"))
        await asyncio.gather(*[connection.lost for connection in connections])

    async def _connect(self, origin: Origin) -> Connection:
        address = origin.address
        self._require_open()
        try:
            async with asyncio.timeout(self._connect_seconds):
                targets = await self._guard.addresses(
                    address.host, address.port, private_allowed=address.private_allowed
                )
                connection = await self._connect_first(origin, list(targets))
        except TimeoutError as error:
            raise ConnectTimeoutError(f"{address.host} did not answer in time") from error
        if self._closed:
            connection.end(ClosedError("the client was closed"))
        self._require_open()
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(self._tick_seconds, self._sweep)
        return connection

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError("the client was closed")

    async def _connect_first(self, origin: Origin, targets: list[str]) -> Connection:
        """Connect to the first of some addresses that takes us; each has its share of the time that is left."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._connect_seconds
        address = origin.address
        secure = address.scheme == "https"
        failure: OSError | None = None
        for index, target in enumerate(targets):
            share = (deadline - loop.time()) / (len(targets) - index)
            try:
                async with asyncio.timeout(share):
                    _, connection = await loop.create_connection(
                        lambda: Connection(origin.pool, loop),
                        target,
                        address.port,
                        ssl=self._tls if secure else None,
                        server_hostname=address.host if secure else None,
                    )
                if not connection.lost.done():
                    # Only now: uvloop never reports a connection lost whose making was cancelled.
                    self._connections.add(connection)
                    return connection
                failure = ConnectionResetError()
            except OSError as error:  # refused, unreachable, TLS, or its share of the time is over
                failure = error
        if isinstance(failure, TimeoutError):
            raise failure
        raise ConnectError(f"{address.host} cannot be reached: {_reason(failure)}") from failure

    def _sweep(self) -> None:
        max_idle = math.ceil(IDLE_SECONDS / self._tick_seconds)
        for connection in list(self._connections):
            connection.tick(max_idle)
        self._sweeping = None
        if self._connections:
            self._sweeping = asyncio.get_running_loop().call_later(self._tick_seconds, self._sweep)


def _reason(failure: OSError | None) -> str:
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"its certificate is refused ({failure.verify_message})"
    if isinstance(failure, ssl.SSLError):
        return "TLS failed"
    return type(failure).__name__ if failure else "no address"
