"""Which addresses a name leads to, and whether an organisation's URL may go there.

A URL given by an organisation reaches public addresses only: not this machine, not its network, not a cloud's
metadata service. The connection is made to the very address that was checked, so that a name which changes its mind
between check and use gains nothing; each new connection is checked anew.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

from patchbay.lib.http.errors import ConnectError, PrivateAddressError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

CACHE_SECONDS = 30.0
CACHE_NAMES = 1024
# Public by registry, yet served to a cloud's own machines: Azure's platform address; Oracle's lies in 192.0.0.0/24.
_CLOUD_NETWORKS = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Tell whether an address may be reached for an organisation; addresses inside IPv6 ones are judged too."""
    address = _unwrap(ipaddress.ip_address(text))
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in _CLOUD_NETWORKS)


def _unwrap(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64), else the address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, in the order to try them, by the system's resolver in a thread."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard:
    """Resolves names, remembers them for 30 seconds and refuses private addresses."""

    def __init__(self, resolve: Resolve = resolve) -> None:
        self._resolve = resolve
        self._lookups: dict[tuple[str, int], tuple[float, asyncio.Task[Sequence[str]]]] = {}

    async def addresses(self, host: str, port: int, *, private_allowed: bool) -> Sequence[str]:
        """Return the addresses to try; ConnectError when there is none, PrivateAddressError when any is not public."""
        addresses = await self._look_up(host, port)
        if not private_allowed and not all(map(is_public, addresses)):
            raise PrivateAddressError(f"{host} leads to a private address")
        return addresses

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        now = asyncio.get_running_loop().time()
        until, task = self._lookups.get((host, port), (0.0, None))
        if task is None or until <= now:
            if len(self._lookups) >= CACHE_NAMES:
                self._lookups = {key: found for key, found in self._lookups.items() if found[0] > now}
            task = asyncio.ensure_future(self._resolve_or_fail(host, port))
            self._lookups[host, port] = (now + CACHE_SECONDS, task)
        try:
            # Shared by all who ask at once: one of them giving up must not end it for the others.
            return await asyncio.shield(task)
        except ConnectError:
            self._lookups.pop((host, port), None)
            raise

    async def _resolve_or_fail(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise ConnectError(f"{host} cannot be resolved") from error
        if not addresses:
            raise ConnectError(f"{host} has no address")
        return addresses
