"""Ask an SME-Plug expert from Python: answers whose every citation is verified.

from smeplug import SMEPlug

plug = SMEPlug(api_key="sme_live_…", plugin_id="legal-v1")
print(plug.chat("When may the customer terminate?"))
"""

from smeplug._async_client import AsyncSMEPlug
from smeplug._client import SMEPlug
from smeplug._paging import AsyncPager, Page, Pager
from smeplug._stream import AnswerStream, AsyncAnswerStream
from smeplug._version import __version__
from smeplug.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    DocumentTimeoutError,
    FieldError,
    InsufficientCreditsError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    ServiceUnavailableError,
    SMEPlugError,
    StreamInterruptedError,
    StreamNotFinishedError,
    ValidationError,
)
from smeplug.models import (
    Answer,
    ApiKey,
    Balance,
    Citation,
    CitationEvent,
    Delta,
    Document,
    Guardrail,
    Identity,
    LedgerEntry,
    Message,
    NewApiKey,
    Plug,
    Session,
    StreamEvent,
    Usage,
    UsageRecord,
)

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "Answer",
    "AnswerStream",
    "ApiKey",
    "AsyncAnswerStream",
    "AsyncPager",
    "AsyncSMEPlug",
    "AuthenticationError",
    "Balance",
    "Citation",
    "CitationEvent",
    "ConfigurationError",
    "ConflictError",
    "Delta",
    "Document",
    "DocumentTimeoutError",
    "FieldError",
    "Guardrail",
    "Identity",
    "InsufficientCreditsError",
    "InvalidResponseError",
    "LedgerEntry",
    "Message",
    "NewApiKey",
    "NotFoundError",
    "Page",
    "Pager",
    "PermissionDeniedError",
    "Plug",
    "RateLimitError",
    "SMEPlug",
    "SMEPlugError",
    "ServerError",
    "ServiceUnavailableError",
    "Session",
    "StreamEvent",
    "StreamInterruptedError",
    "StreamNotFinishedError",
    "Usage",
    "UsageRecord",
    "ValidationError",
    "__version__",
]
