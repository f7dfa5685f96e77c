"""The async client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType

from smeplug import _calls
from smeplug._async_resources import AsyncCredits, AsyncDocuments, AsyncKeys, AsyncPlugs, AsyncSessions, AsyncUsageLog
from smeplug._config import DEFAULT_TIMEOUT, resolve_config
from smeplug._plugin import plugin_or_none
from smeplug._retry import RetryPolicy
from smeplug._stream import AsyncAnswerStream
from smeplug.models import Answer, Identity


class AsyncSMEPlug:
    """`SMEPlug` with `await`: same arguments, methods and errors."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        plugin_id: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = 2,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        from smeplug._transport import AsyncTransport  # brings httpx

        config = resolve_config(api_key, base_url, plugin_id, timeout, max_retries, sleep)
        self.base_url = config.base_url
        self.plugin_id = config.plugin_id
        self._transport = AsyncTransport(config, RetryPolicy(config.max_retries), sleep or _sleep)
        self.plugs = AsyncPlugs(self._transport)
        self.documents = AsyncDocuments(self._transport, config.plugin_id)
        self.sessions = AsyncSessions(self._transport)
        self.keys = AsyncKeys(self._transport)
        self.credits = AsyncCredits(self._transport)
        self.usage = AsyncUsageLog(self._transport)

    async def chat(
        self,
        question: str,
        session_id: str | None = None,
        plugin_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Asks, and waits for the whole answer. `session_id` goes on with a conversation."""
        return await self._transport.send(
            _calls.chat(question, session_id, plugin_or_none(plugin_id, self.plugin_id), idempotency_key, stream=False)
        )

    def stream(
        self,
        question: str,
        session_id: str | None = None,
        plugin_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncAnswerStream:
        """Asks, and yields the answer's text and citations as they come: use it with `async with`."""
        return AsyncAnswerStream(
            self._transport,
            _calls.chat(question, session_id, plugin_or_none(plugin_id, self.plugin_id), idempotency_key, stream=True),
        )

    async def me(self) -> Identity:
        """Whose key this is."""
        return await self._transport.send(_calls.me())

    async def close(self) -> None:
        """Closes the connections; the client cannot be used after."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncSMEPlug:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r}, plugin_id={self.plugin_id!r})"


async def _sleep(seconds: float) -> None:
    import asyncio  # not with the package: it takes longer to import than everything here

    await asyncio.sleep(seconds)
