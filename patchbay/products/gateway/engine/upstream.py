"""One try at one target: write the body in a format that it speaks, send it, and read how the answer begins."""

import email.utils
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from patchbay.lib.errors import InvalidError
from patchbay.lib.http import (
    HttpError,
    HttpTimeoutError,
    HttpTooLargeError,
    InvalidUrlError,
    PrivateAddressError,
)
from patchbay.products.gateway.contracts import ModelTarget, ProviderKey
from patchbay.products.gateway.engine.contracts import Answer, Ask, LocalRequest, Outgoing, Transport
from patchbay.products.gateway.engine.counts import counted
from patchbay.products.gateway.engine.local import LocalTransport
from patchbay.products.gateway.engine.routing.router import TryFailedError
from patchbay.products.gateway.errors import (
    ModelBrokenError,
    ModelBusyError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
    ProviderRefusedError,
)
from patchbay.products.gateway.wire.contracts import (
    Asked,
    StreamReader,
    TokenUsage,
    Translation,
    WholeAnswer,
    Wire,
)
from patchbay.products.gateway.wire.reading import UNREADABLE, read_answer_body, read_body
from patchbay.products.gateway.wire.table import WIRES, find_translation, translate_body
from patchbay.products.gateway.wire.translate.chat_to_local import require_plain

if TYPE_CHECKING:
    from patchbay.products.gateway.engine.calls import Engine

MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
REASON_SECONDS = 10.0
"""How long we wait for the words of a refusal."""
MAX_RETRY_AFTER = 3600.0
KEY_REST_SECONDS = 60.0
log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class Whole(msgspec.Struct, frozen=True):
    """A whole answer: `body` as the client gets it, and what it says about its use."""

    body: bytes
    reading: WholeAnswer
    answer: Answer

    @property
    def stored(self) -> tuple[str, ...]:
        """The ids under which the provider keeps the answer, as its client got them."""
        return self.reading.stored


class Begun(msgspec.Struct):
    """A stream that has begun: its reader, in the client's format, and the first bytes that may leave."""

    answer: Answer
    reader: StreamReader
    first: bytes

    @property
    def stored(self) -> tuple[str, ...]:
        """The ids under which the provider keeps the answer, as its client got them; none before its end."""
        return self.reader.stored


def write(
    engine: "Engine", ask: Ask, target: ModelTarget, transport: Transport, max_output_tokens: int | None
) -> Outgoing:
    """Return the request in a format that the target's provider speaks; TryFailedError where none can say it.

    What a translation takes for a fault may be none to a target of the request's own format, so others are tried.
    """
    wanted = transport.target(target, max_output_tokens)
    try:
        spoken, translation = find_translation(ask.wire.name, transport.formats)
        if translation is None:
            wire, head, passed = ask.wire, ask.head, ask.passed
            body = wire.prepare(ask.body, head, wanted)
        else:
            wire, passed = WIRES[spoken], []
            body, head = translate_body(
                ask.body, ask.head, wanted, asked=ask.wire.name, spoken=spoken, translation=translation
            )
        local = _local(engine, ask, wire, body, max_output_tokens) if isinstance(transport, LocalTransport) else None
    except InvalidError as error:
        raise TryFailedError(error, harms=False, elsewhere=True) from error
    return Outgoing(wire, body, head, passed, translation, local)


def _local(engine: "Engine", ask: Ask, wire: Wire, body: bytes, max_output_tokens: int | None) -> LocalRequest:
    decoded = read_body(body)
    if wire.name == "chat":
        require_plain(decoded, ask.wire.name)
    return LocalRequest(ask.caller, ask.act, decoded, max_output_tokens or 0, engine, ask.evidence)


async def send(transport: Transport, outgoing: Outgoing, key: ProviderKey | None) -> Answer:
    """Send, and return the answer of a provider that took the request; TryFailedError otherwise."""
    try:
        answer = await transport.send(outgoing, key)
    except HttpError as error:
        raise failed(error) from error
    if answer.status == 200:
        return answer
    try:
        raise await _refusal(answer, transport, outgoing)
    finally:
        answer.close()


async def read_whole(
    outgoing: Outgoing, answer: Answer, request: bytes, asked: Callable[[], Asked], until: float
) -> Whole:
    """Read a whole answer, up to a moment of the monotonic clock, and bring it into the client's format.

    `request` is the client's own body: a translated answer shows what is charged, so what its provider did not count
    is counted for it.
    """
    try:
        body = await answer.read(MAX_ANSWER_BYTES, until)
        reading = outgoing.wire.read_answer(body)
        if outgoing.translation is not None:
            produced = reading.produced_bytes
            usage = counted(reading.usage, request, lambda: produced)
            reading = replace(reading, usage=usage)
            body = _encode(outgoing.translation.answer(read_answer_body(body), asked(), usage))
    except HttpError as error:
        raise failed(error) from error
    except ModelBrokenError as error:
        raise TryFailedError(error, status=200) from error
    finally:
        answer.close()
    return Whole(body, reading, answer)


async def begin_stream(
    outgoing: Outgoing, answer: Answer, request: bytes, asked: Callable[[], Asked], until: float
) -> Begun:
    """Read a stream up to the first bytes that may leave, before a moment of the monotonic clock.

    Until then another target can take over. `request` is the client's own body, as in `read_whole`.
    """
    begun = False
    try:
        if not (answer.header(b"content-type") or "").lower().startswith("text/event-stream"):
            raise ModelBrokenError("The model provider did not stream its answer.")
        reader: StreamReader = outgoing.wire.reader(outgoing.head)
        if outgoing.translation is not None:
            reader = TranslatedReader(reader, outgoing.translation, asked(), request)
        first = b""
        while not first and not reader.ended:
            if time.monotonic() > until:
                raise HttpTimeoutError("the stream does not begin")
            chunk = await answer.chunk()
            if chunk is None:
                reader.stop()
                break
            first = reader.feed(chunk)
        if not first and not reader.ended:
            raise ModelBrokenError("The model's answer ended before it began; nothing was charged.", retry_after=1)
        begun = True
        return Begun(answer, reader, first)
    except HttpError as error:
        raise failed(error) from error
    except ModelBrokenError as error:
        raise TryFailedError(error, status=200) from error
    finally:
        if not begun:
            answer.close()


class TranslatedReader:
    """A stream of another format, read and given out in the client's, with what is charged at its end."""

    stored: tuple[str, ...] = ()
    """Under the id that the client sees nothing is kept: that one is ours."""

    def __init__(self, reader: StreamReader, translation: Translation, asked: Asked, request: bytes) -> None:
        self.ended = False
        self._reader = reader
        self._events = translation.events(asked)
        self._request = request
        self._shown: TokenUsage | None = None

    @property
    def usage(self) -> TokenUsage | None:
        return self._shown or self._reader.usage

    def feed(self, chunk: bytes) -> bytes:
        events = self._reader.feed(chunk)
        self.ended = self._reader.ended
        return self._events.feed(events) if events else b""

    def stop(self) -> None:
        self._reader.stop()
        self.ended = self._reader.ended

    def final(self) -> bytes:
        events = self._reader.final()
        self._shown = counted(self._reader.usage, self._request, self._reader.produced_bytes)
        return self._events.final(events, self._shown)

    def produced_bytes(self) -> int:
        return self._reader.produced_bytes()


def failed(error: HttpError) -> TryFailedError:
    """Return what a broken exchange means to our caller."""
    if isinstance(error, HttpTimeoutError):
        return TryFailedError(ModelTimeoutError("The model provider was silent for too long; nothing was charged."))
    if isinstance(error, HttpTooLargeError):
        too_large = ModelBrokenError(f"The model's answer is over {MAX_ANSWER_BYTES:,} bytes; nothing was charged.")
        return TryFailedError(too_large, status=200, elsewhere=True)
    if isinstance(error, InvalidUrlError | PrivateAddressError):
        unreachable = ModelRefusedError("The model provider's address cannot be used from here; nothing was charged.")
        return TryFailedError(unreachable, elsewhere=True)
    return TryFailedError(
        ModelUnavailableError("The connection to the model provider failed; nothing was charged.", retry_after=2)
    )


class _ErrorDetail(msgspec.Struct):
    message: Any = None
    type: Any = None
    code: Any = None
    param: Any = None


class _ErrorBody(msgspec.Struct):
    error: _ErrorDetail | str | None = None
    message: Any = None
    detail: Any = None
    code: Any = None
    param: Any = None


async def _refusal(answer: Answer, transport: Transport, outgoing: Outgoing) -> TryFailedError:
    """Return what a status means to our caller; a fault of ours is told in the operator's log alone."""
    status = answer.status
    try:
        body = await answer.read(MAX_ERROR_BYTES, time.monotonic() + REASON_SECONDS)
    except HttpError:
        body = b""
    log.warning("model provider refused", status=status, detail=body[:500].decode("utf-8", "replace"))
    if transport.learn(outgoing, status):
        return TryFailedError(ModelUnavailableError(), status=status, harms=False, again=True)
    detail = _detail(body)
    if status == 429:
        busy = ModelBusyError(
            "The model provider is at its limit; nothing was charged.", retry_after=_retry_after(answer, 2.0)
        )
        return TryFailedError(busy, status=status, harms=False)
    if status in (401, 402, 403):
        refused = ModelRefusedError(
            f"The model provider refused the key that this Patchbay has for it ({status}); nothing was charged.",
            next_step="Whoever manages the provider's keys can test them on the gateway's pages.",
            retry_after=KEY_REST_SECONDS,
        )
        return TryFailedError(refused, status=status, harms=False, blames_key=True)
    if status >= 500 or status == 408:
        failure = ModelUnavailableError(
            f"The model provider failed ({status}); nothing was charged.", retry_after=_retry_after(answer, 2.0)
        )
        return TryFailedError(failure, status=status)
    final = _is_final(status, detail)
    return TryFailedError(_passed_on(status, detail), status=status, harms=False, final=final, elsewhere=not final)


def _passed_on(status: int, detail: _ErrorDetail) -> ProviderRefusedError | ModelRefusedError:
    if not 400 <= status < 500:
        return ModelRefusedError(f"The model provider answered with an unexpected status ({status}).")
    message = detail.message if isinstance(detail.message, str) and detail.message else "It gave no reason."
    code = next((each for each in (detail.code, detail.type) if isinstance(each, str) and each), "provider_refused")
    param = detail.param if isinstance(detail.param, str) else None
    return ProviderRefusedError(message, status=status, code=code, param=param)


def _is_final(status: int, detail: _ErrorDetail) -> bool:
    """Whether no other target would take the request; one may have more room, or the model that this one lacks."""
    return status not in (404, 413) and detail.code != "context_length_exceeded"


def _detail(body: bytes) -> _ErrorDetail:
    """Read a refusal in OpenAI's or Anthropic's shape, in a list (Gemini), flat (older vLLM), or a framework's own."""
    try:
        decoded = msgspec.json.decode(body, type=_ErrorBody | list[_ErrorBody])
    except UNREADABLE:
        return _ErrorDetail()
    if isinstance(decoded, list):
        decoded = decoded[0] if decoded else _ErrorBody()
    if isinstance(decoded.error, _ErrorDetail):
        return decoded.error
    detail = decoded.detail
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        detail = detail[0].get("msg")
    return _ErrorDetail(message=decoded.error or decoded.message or detail, code=decoded.code, param=decoded.param)


def _retry_after(answer: Answer, default: float) -> float:
    """Read Retry-After, seconds or an HTTP date (RFC 9110 §10.2.3)."""
    text = (answer.header(b"retry-after") or "").strip()
    try:
        return min(max(0.0, float(text)), MAX_RETRY_AFTER)
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return default
    return min(max(1.0, moment - time.time()), MAX_RETRY_AFTER)
