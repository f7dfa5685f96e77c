"""What all providers that are servers have in common: one client for each event loop, and an origin on it."""

import asyncio
from weakref import WeakKeyDictionary

from django.conf import settings

from patchbay.lib.http import HttpClient
from patchbay.lib.http.origin import Origin
from patchbay.products.gateway.contracts import ProviderConfig

_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, HttpClient]" = WeakKeyDictionary()


def client() -> HttpClient:
    """Return the running loop's client."""
    loop = asyncio.get_running_loop()
    found = _clients.get(loop)
    if found is None:
        found = _clients[loop] = HttpClient(read_seconds=settings.UPSTREAM_SILENCE_SECONDS)
    return found


class Server:
    """A provider's server: where it is, on the client of whichever loop asks."""

    def __init__(self, config: ProviderConfig) -> None:
        self._config = config
        self._client: HttpClient | None = None
        self._origin: Origin | None = None

    def reach(self) -> tuple[HttpClient, Origin]:
        """Return the client and the origin to send to; InvalidUrlError."""
        current = client()
        if self._client is not current or self._origin is None:
            self._origin = current.origin(self._config.base_url, private_allowed=self._config.private_allowed)
            self._client = current
        return current, self._origin
