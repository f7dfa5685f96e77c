"""The connections to one address: the idle ones, last used first."""

from patchbay.lib.http.connection import Connection
from patchbay.lib.http.origin import Address

MAX_IDLE = 256


class Pool:
    """Hands out idle connections. How many are open is not bounded here: limits per provider are the router's."""

    def __init__(self, address: Address, connections: set[Connection]) -> None:
        self.address = address
        self.connections = connections
        """All of the client's, busy and idle, to every address: what its sweep walks."""
        self.idle: list[Connection] = []

    def take(self) -> Connection | None:
        """Return the connection used last (the likeliest to live), or None."""
        while self.idle:
            connection = self.idle.pop()
            if connection.usable:
                return connection
        return None

    def release(self, connection: Connection) -> None:
        """Keep a connection whose exchange is over."""
        if len(self.idle) < MAX_IDLE:
            self.idle.append(connection)
        else:
            connection.close()

    def forget(self, connection: Connection) -> None:
        """Drop a connection that has ended."""
        self.connections.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)
