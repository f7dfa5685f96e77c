"""Our HTTP/1.1 client for the hot path and for every URL that an organisation gives."""

from patchbay.lib.http.answer import HttpAnswer
from patchbay.lib.http.client import HttpClient
from patchbay.lib.http.errors import (
    BadAnswerError,
    BrokenBodyError,
    ClosedError,
    ConnectError,
    ConnectTimeoutError,
    HeadTooLargeError,
    HttpError,
    HttpTimeoutError,
    HttpTooLargeError,
    InvalidUrlError,
    PrivateAddressError,
    ResetBeforeHeadError,
)
from patchbay.lib.http.guard import Guard
from patchbay.lib.http.origin import Headers, Origin

__all__ = [
    "BadAnswerError",
    "BrokenBodyError",
    "ClosedError",
    "ConnectError",
    "ConnectTimeoutError",
    "Guard",
    "HeadTooLargeError",
    "Headers",
    "HttpAnswer",
    "HttpClient",
    "HttpError",
    "HttpTimeoutError",
    "HttpTooLargeError",
    "InvalidUrlError",
    "Origin",
    "PrivateAddressError",
    "ResetBeforeHeadError",
]
