"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from smeplug import _calls
from smeplug._config import DEFAULT_TIMEOUT, resolve_config
from smeplug._plugin import plugin_or_none
from smeplug._resources import Credits, Documents, Keys, Plugs, Sessions, UsageLog
from smeplug._retry import RetryPolicy
from smeplug._stream import AnswerStream
from smeplug.models import Answer, Identity


class SMEPlug:
    """Asks plugs, feeds them documents, reads sessions, credits and usage.

    `api_key`, `base_url`, `plugin_id` default to `SME_API_KEY`, `SME_BASE_URL`, `SME_PLUGIN_ID`. `timeout` is
    the seconds of silence after which a request is given up, `max_retries` how often a passing failure is
    tried again, `sleep` what waits in between. Threads may share a client. Every request raises an
    `SMEPlugError`: an `APIError` where the server answered, an `APIConnectionError` where it did not.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        plugin_id: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = 2,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        from smeplug._transport import Transport  # brings httpx

        config = resolve_config(api_key, base_url, plugin_id, timeout, max_retries, sleep)
        self.base_url = config.base_url
        self.plugin_id = config.plugin_id
        self._transport = Transport(config, RetryPolicy(config.max_retries), sleep)
        self.plugs = Plugs(self._transport)
        self.documents = Documents(self._transport, config.plugin_id)
        self.sessions = Sessions(self._transport)
        self.keys = Keys(self._transport)
        self.credits = Credits(self._transport)
        self.usage = UsageLog(self._transport)

    def chat(
        self,
        question: str,
        session_id: str | None = None,
        plugin_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Asks, and waits for the whole answer. `session_id` goes on with a conversation."""
        return self._transport.send(
            _calls.chat(question, session_id, plugin_or_none(plugin_id, self.plugin_id), idempotency_key, stream=False)
        )

    def stream(
        self,
        question: str,
        session_id: str | None = None,
        plugin_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> AnswerStream:
        """Asks, and yields the answer's text and citations as they come: use it as a context manager."""
        return AnswerStream(
            self._transport,
            _calls.chat(question, session_id, plugin_or_none(plugin_id, self.plugin_id), idempotency_key, stream=True),
        )

    def me(self) -> Identity:
        """Whose key this is."""
        return self._transport.send(_calls.me())

    def close(self) -> None:
        """Closes the connections; the client cannot be used after."""
        self._transport.close()

    def __enter__(self) -> SMEPlug:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r}, plugin_id={self.plugin_id!r})"
