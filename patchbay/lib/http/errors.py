"""One error tree for what goes wrong below HTTP. A status of 400 or more is an answer, not an error."""


class HttpError(Exception):
    """The exchange failed below HTTP. Messages name the host and never a header or a body."""


class InvalidUrlError(HttpError):
    """The base URL cannot be used: no host, another scheme, credentials or a query in it, or http:// unallowed."""


class ConnectError(HttpError):
    """No connection was made and nothing was sent: safe to try elsewhere."""


class PrivateAddressError(ConnectError):
    """The host leads to an address that is not public, which only staff may allow."""


class HttpTimeoutError(HttpError):
    """The other side was silent for too long."""


class ConnectTimeoutError(ConnectError, HttpTimeoutError):
    """Neither the name nor the host answered in time; nothing was sent."""


class ResetBeforeHeadError(HttpError):
    """The connection ended before the answer's head was whole. Whether the request was worked on is unknown.

    `reused`: the connection had served before. `stale`: moreover it ended at once and without a byte, as one does
    that the server was closing while we sent; the client has then already tried a second, fresh connection.
    """

    def __init__(self, message: str, *, reused: bool, stale: bool) -> None:
        super().__init__(message)
        self.reused = reused
        self.stale = stale


class BrokenBodyError(HttpError):
    """The connection ended inside the body."""


class BadAnswerError(HttpError):
    """What came is not HTTP/1.1, or of a kind that was not asked for (another protocol, a compressed body)."""


class HeadTooLargeError(BadAnswerError):
    """The head, or what stands between two pieces of a chunked body, is larger than `MAX_HEAD_BYTES`."""


class HttpTooLargeError(HttpError):
    """The body is larger than the reader allows."""


class ClosedError(HttpError):
    """The answer or the client was closed by ourselves."""
