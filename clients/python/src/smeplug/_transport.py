"""The only place that talks HTTP: one loop for the blocking client, its twin for the async one.

Importing this module imports httpx, so it is imported when a client is constructed, not with the package.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx

from smeplug._call import EVENT_STREAM, Call, Reply
from smeplug._config import Config
from smeplug._problem import error_from_response
from smeplug._retry import Attempts, RetryPolicy
from smeplug.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ConfigurationError,
    InvalidResponseError,
    SMEPlugError,
    StreamInterruptedError,
)

T = TypeVar("T")


class _Bearer(httpx.Auth):
    """Puts the key on a request as it leaves; no other object of ours shows it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["authorization"] = f"Bearer {self._key}"
        yield request

    def mask(self, text: str) -> str:
        """`text` without the key, should a proxy's error page echo the request."""
        return text.replace(self._key, "[api key]")


class Transport:
    """Sends calls and tries again as the policy says. Safe to share between threads."""

    def __init__(self, config: Config, policy: RetryPolicy, sleep: Callable[[float], None]) -> None:
        self._auth = _Bearer(config.api_key)
        self._policy = policy
        self.sleep = sleep
        self._client = httpx.Client(base_url=_base(config), timeout=config.timeout, auth=self._auth)

    def send(self, call: Call[T]) -> T:
        return call.parse(_reply(self._request(call, stream=False)))

    def open(self, call: Call[T]) -> httpx.Response:
        """An event stream whose body is still to be read; the caller closes it."""
        response = self._request(call, stream=True)
        try:
            _require_event_stream(response)
        except InvalidResponseError:
            response.close()
            raise
        return response

    def close(self) -> None:
        self._client.close()

    def _request(self, call: Call[T], *, stream: bool) -> httpx.Response:
        attempts = Attempts(self._policy, once=call.once)
        while True:
            try:
                return self._attempt(call, stream=stream)
            except SMEPlugError as failure:
                pause = attempts.pause_after(failure)
            self.sleep(pause)

    def _attempt(self, call: Call[T], *, stream: bool) -> httpx.Response:
        content = call.upload.chunks() if call.upload else call.encoded_body()
        request = self._client.build_request(
            call.method, call.path, params=call.params, headers=call.headers(), content=content
        )
        with _translated():
            response = self._client.send(request, stream=stream)
            if stream and not response.is_success:
                try:
                    response.read()
                finally:
                    response.close()
        return _successful(response, self._auth)


class AsyncTransport:
    """`Transport` for an event loop."""

    def __init__(self, config: Config, policy: RetryPolicy, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._auth = _Bearer(config.api_key)
        self._policy = policy
        self.sleep = sleep
        self._client = httpx.AsyncClient(base_url=_base(config), timeout=config.timeout, auth=self._auth)

    async def send(self, call: Call[T]) -> T:
        return call.parse(_reply(await self._request(call, stream=False)))

    async def open(self, call: Call[T]) -> httpx.Response:
        """An event stream whose body is still to be read; the caller closes it."""
        response = await self._request(call, stream=True)
        try:
            _require_event_stream(response)
        except InvalidResponseError:
            await response.aclose()
            raise
        return response

    async def close(self) -> None:
        await self._client.aclose()

    async def _request(self, call: Call[T], *, stream: bool) -> httpx.Response:
        attempts = Attempts(self._policy, once=call.once)
        while True:
            try:
                return await self._attempt(call, stream=stream)
            except SMEPlugError as failure:
                pause = attempts.pause_after(failure)
            await self.sleep(pause)

    async def _attempt(self, call: Call[T], *, stream: bool) -> httpx.Response:
        content = call.upload.async_chunks() if call.upload else call.encoded_body()
        request = self._client.build_request(
            call.method, call.path, params=call.params, headers=call.headers(), content=content
        )
        with _translated():
            response = await self._client.send(request, stream=stream)
            if stream and not response.is_success:
                try:
                    await response.aread()
                finally:
                    await response.aclose()
        return _successful(response, self._auth)


def read_stream(response: httpx.Response, key: str | None) -> Iterator[bytes]:
    """The body's chunks as they come; StreamInterruptedError where the connection breaks."""
    try:
        yield from response.iter_bytes()
    except httpx.RequestError as exc:
        raise _interrupted(response, key, exc) from exc


async def async_read_stream(response: httpx.Response, key: str | None) -> AsyncIterator[bytes]:
    """The body's chunks as they come; StreamInterruptedError where the connection breaks."""
    try:
        async for chunk in response.aiter_bytes():
            yield chunk
    except httpx.RequestError as exc:
        raise _interrupted(response, key, exc) from exc


def _base(config: Config) -> httpx.URL:
    try:
        return httpx.URL(config.base_url)
    except httpx.InvalidURL as exc:
        raise ConfigurationError(f"base_url is no address: {exc}") from None


@contextmanager
def _translated() -> Iterator[None]:
    """httpx's errors as ours."""
    try:
        yield
    except httpx.TimeoutException as exc:
        raise APITimeoutError(f"no answer in time ({type(exc).__name__})") from exc
    except httpx.RequestError as exc:
        raise APIConnectionError(f"connection failed: {_reason(exc)}") from exc


def _successful(response: httpx.Response, auth: _Bearer) -> httpx.Response:
    if response.is_success:
        return response
    raise _failure(response, auth)


def _failure(response: httpx.Response, auth: _Bearer) -> APIError:
    return error_from_response(response.status_code, response.headers, auth.mask(response.text))


def _reply(response: httpx.Response) -> Reply:
    return Reply(response.content, response.headers.get("content-type", ""), response.headers.get("x-request-id"))


def _require_event_stream(response: httpx.Response) -> None:
    kind = response.headers.get("content-type", "")
    if not kind.startswith(EVENT_STREAM):
        raise InvalidResponseError(f"expected an event stream, got {kind or 'no content type'}")


def _interrupted(response: httpx.Response, key: str | None, exc: httpx.RequestError) -> StreamInterruptedError:
    return StreamInterruptedError(f"the stream broke off: {_reason(exc)}", key, response.headers.get("x-request-id"))


def _reason(exc: httpx.RequestError) -> str:
    return f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
