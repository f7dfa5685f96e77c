"""Where requests go: a base URL, parsed once, and the head of a request to it."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from patchbay.lib.http.errors import InvalidUrlError

if TYPE_CHECKING:
    from patchbay.lib.http.pool import Pool

Headers = Sequence[tuple[bytes, bytes]]

# Written here alone: a second copy would let a request be read in two ways.
_OWN_HEADERS = {b"host", b"content-length", b"transfer-encoding", b"connection", b"accept-encoding", b"expect"}
_PORTS = {"https": 443, "http": 80}
_WITH_BODY = {"POST", "PUT", "PATCH"}
_MAX_STARTS = 256


@dataclass(frozen=True, slots=True)
class Address:
    """What a connection is made to; connections are shared between equal ones only."""

    scheme: str
    host: str
    port: int
    private_allowed: bool


class Origin:
    """A base URL such as `https://api.openai.com/v1`, with the headers that every request to it carries.

    Made by `HttpClient.origin` and kept: what is the same in each request is checked and written once.
    """

    __slots__ = ("_fixed", "_starts", "address", "base_path", "pool")

    def __init__(self, address: Address, base_path: str, pool: "Pool", headers: Headers) -> None:
        self.address = address
        self.base_path = base_path
        self.pool = pool
        host = f"[{address.host}]" if ":" in address.host else address.host
        port = "" if address.port == _PORTS[address.scheme] else f":{address.port}"
        # No compressed answers: streams are read and forwarded byte for byte.
        self._fixed = f"host: {host}{port}\r\naccept-encoding: identity\r\n".encode("ascii") + _lines(headers)
        self._starts: dict[tuple[str, str], bytes] = {}

    def __repr__(self) -> str:
        return f"Origin({self.address}, {self.base_path!r})"  # the headers hold keys

    def head(self, method: str, path: str, headers: Headers, body: bytes) -> bytes:
        """Return the request's head; ValueError for one that would not be read as it was meant.

        `path` is appended to the base URL's and may have a query. The lines of framing are ours.
        """
        start = self._starts.get((method, path)) or self._start(method, path)
        lines = _lines(headers) if headers else b""
        if body or method in _WITH_BODY:
            return b"%b%bcontent-length: %d\r\n\r\n" % (start, lines, len(body))
        return b"%b%b\r\n" % (start, lines)

    def _start(self, method: str, path: str) -> bytes:
        line = f"{method} {self.base_path}{path} HTTP/1.1".encode("ascii")
        if not path.startswith("/") or len(line.split()) != 3 or line.count(b" ") != 2:
            raise ValueError("a request path has white space or does not start with a slash")
        if len(self._starts) >= _MAX_STARTS:
            self._starts.clear()
        start = self._starts[method, path] = line + b"\r\n" + self._fixed
        return start


def _lines(headers: Headers) -> bytes:
    lines = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    # One count over all lines instead of a look at each value: a line break in any of them shows.
    count = len(headers)
    if lines.count(b"\n") != count or lines.count(b"\r") != count or b"\0" in lines:
        raise ValueError("a request header has a line break or NUL")
    for name, _ in headers:
        if name.lower() in _OWN_HEADERS:
            raise ValueError("a request header is the client's own to write")
    return lines


def parse_base_url(url: str, *, private_allowed: bool) -> tuple[Address, str]:
    """Return address and path of a base URL; InvalidUrlError for one that cannot be used.

    http:// goes unencrypted, keys and all: it needs `private_allowed`, that is, staff who vouch for the URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidUrlError("the URL is malformed") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise InvalidUrlError("the URL must be https:// and a host")
    if parts.scheme == "http" and not private_allowed:
        raise InvalidUrlError("the URL must be https://")
    if parts.username is not None or parts.password is not None or "?" in url or "#" in url:
        raise InvalidUrlError("the URL must have no credentials, query or fragment")
    path = parts.path.rstrip("/")
    if not path.isascii() or any(character.isspace() or not character.isprintable() for character in url):
        raise InvalidUrlError("the URL has characters that must be escaped")
    return Address(parts.scheme, _ascii_host(parts.hostname), port or _PORTS[parts.scheme], private_allowed), path


def _ascii_host(host: str) -> str:
    try:
        if ":" in host:
            return str(ipaddress.IPv6Address(host.partition("%")[0]))
        return host.encode("idna").decode("ascii")
    except ValueError as error:
        raise InvalidUrlError("the URL's host is malformed") from error
