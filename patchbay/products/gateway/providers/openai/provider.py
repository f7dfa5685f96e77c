"""Chat completions from an OpenAI-compatible server, streamed."""

import email.utils
import time
from collections.abc import AsyncIterator

import structlog

from patchbay.lib.errors import AppError
from patchbay.products.gateway.engine.contracts import (
    MESSAGE_OVERHEAD_TOKENS,
    ChatRequest,
    Delta,
    Finish,
    FinishReason,
    ProviderStream,
    TokenUsage,
)
from patchbay.products.gateway.engine.http import HttpAnswer, HttpClient, HttpError, HttpTimeoutError
from patchbay.products.gateway.errors import (
    ModelBrokenError,
    ModelBusyError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from patchbay.products.gateway.providers.openai.wire import (
    EventReader,
    decode_chunk,
    encode_request,
    to_reason,
    to_usage,
)

MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_RETRY_AFTER = 3600.0
_OPENAI_ITSELF = "https://api.openai.com/"
log = structlog.get_logger(__name__)


class OpenAIProvider:
    """One server, by its base URL (`https://host/v1`); `api_key` may be empty for a server next door."""

    name = "openai"

    def __init__(self, *, base_url: str, api_key: str, client: HttpClient | None = None) -> None:
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._headers = {"content-type": "application/json", "accept": "text/event-stream"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        self._client = client or HttpClient()
        # OpenAI's newer models refuse `max_tokens`; compatible servers often know nothing else.
        self._limit_field = "max_completion_tokens" if self._url.startswith(_OPENAI_ITSELF) else "max_tokens"

    def prompt_bound(self, request: ChatRequest) -> int:
        """A token is at least one byte, so the bytes and what the chat template adds bound the count."""
        return request.prompt_bytes() + MESSAGE_OVERHEAD_TOKENS * (len(request.messages) + 1)

    async def stream(self, request: ChatRequest) -> ProviderStream:
        """Yield the answer as it comes."""
        body = encode_request(request, limit_field=self._limit_field)
        try:
            async with self._client.post(self._url, body, self._headers) as answer:
                if answer.status != 200:
                    raise await _refusal(answer)
                async for event in _read(answer):
                    yield event
        except HttpTimeoutError as error:
            raise ModelTimeoutError("The model provider was silent for too long; nothing was charged.") from error
        except HttpError as error:
            raise ModelUnavailableError(
                "The connection to the model provider failed; nothing was charged.", retry_after=2
            ) from error

    async def close(self) -> None:
        await self._client.close()


async def _read(answer: HttpAnswer) -> AsyncIterator[Delta | Finish]:
    if not (answer.header("content-type") or "").startswith("text/event-stream"):
        raise ModelBrokenError("The model provider did not stream its answer.")
    reason: FinishReason | None = None
    usage: TokenUsage | None = None
    async for data in _events(answer):
        if data == b"[DONE]":
            break
        chunk = decode_chunk(data)
        if chunk.usage is not None:
            usage = to_usage(chunk.usage)
        for choice in chunk.choices:
            if choice.delta is not None and choice.delta.content:
                yield Delta(choice.delta.content)
            if choice.finish_reason is not None:
                reason = to_reason(choice.finish_reason)
    if reason is None:
        raise ModelBrokenError("The model's answer ended before it was whole; nothing was charged.", retry_after=1)
    yield Finish(reason, usage)


async def _events(answer: HttpAnswer) -> AsyncIterator[bytes]:
    reader = EventReader()
    size = 0
    async for chunk in answer.chunks():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise ModelBrokenError("The model's answer has no end; nothing was charged.")
        for data in reader.feed(chunk):
            yield data


async def _refusal(answer: HttpAnswer) -> AppError:
    """Return what a status means to our caller; what the provider said is for the operator's log alone."""
    detail = (await answer.read(2048)).decode("utf-8", "replace")
    log.warning("model provider refused", status=answer.status, detail=detail[:500])
    if answer.status == 429:
        return ModelBusyError(
            "The model provider is at its limit; nothing was charged.", retry_after=_retry_after(answer, 5.0)
        )
    if answer.status >= 500:
        return ModelUnavailableError(
            f"The model provider failed ({answer.status}); nothing was charged.", retry_after=_retry_after(answer, 2.0)
        )
    return ModelRefusedError(
        f"The model provider refused the request ({answer.status}); nothing was charged.",
        next_step="Whoever runs this Patchbay finds the provider's reason in its log.",
    )


def _retry_after(answer: HttpAnswer, default: float) -> float:
    """Read Retry-After, seconds or an HTTP date (RFC 9110 §10.2.3)."""
    text = (answer.header("retry-after") or "").strip()
    if text.isdigit():
        return min(float(text), MAX_RETRY_AFTER)
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return default
    return min(max(1.0, moment - time.time()), MAX_RETRY_AFTER)
