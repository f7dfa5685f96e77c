"""What a client was told, or finds in the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from smeplug._arguments import seconds, text, text_or_none, whole
from smeplug.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api.smeplug.dev"
MOST_SECONDS = 365 * 86_400  # beyond some centuries sockets overflow
DEFAULT_TIMEOUT = 60.0  # seconds of silence; an open stream is pinged every 15


@dataclass(frozen=True)
class Config:
    """`base_url` has neither a trailing slash nor the `/v1`, which every path brings."""

    api_key: str = field(repr=False)
    base_url: str
    plugin_id: str | None
    timeout: float
    max_retries: int


def resolve_config(
    api_key: str | None,
    base_url: str | None,
    plugin_id: str | None,
    timeout: float,
    max_retries: int,
    sleep: Callable[[float], object] | None,
) -> Config:
    """Arguments first, then `SME_API_KEY`, `SME_BASE_URL`, `SME_PLUGIN_ID`; else ConfigurationError."""
    try:
        if sleep is not None and not callable(sleep):
            raise TypeError("sleep must be a function of a number of seconds")
        return Config(
            api_key=_checked_key(_given("api_key", api_key, "SME_API_KEY")),
            base_url=_checked_url(_given("base_url", base_url, "SME_BASE_URL") or DEFAULT_BASE_URL),
            plugin_id=_given("plugin_id", plugin_id, "SME_PLUGIN_ID") or None,
            timeout=_checked_timeout(seconds("timeout", timeout)),
            max_retries=whole("max_retries", max_retries),
        )
    except ConfigurationError:
        raise
    except (TypeError, ValueError) as exc:
        raise ConfigurationError(str(exc)) from exc


def _given(name: str, value: str | None, variable: str) -> str:
    """The argument, else what the environment says, else nothing."""
    return text_or_none(name, value) or text(variable, os.environ.get(variable, ""))


def _checked_timeout(timeout: float) -> float:
    if not 0 < timeout <= MOST_SECONDS:
        raise ConfigurationError("timeout must be a number of seconds above 0, at most a year")
    return timeout


def _checked_key(key: str) -> str:
    key = key.strip()  # a key read from a file or a prompt often brings its line end
    if not key:
        raise ConfigurationError("no API key: pass api_key=… or set SME_API_KEY")
    # Checked here, because the HTTP library would print the whole value in its complaint.
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("the API key holds characters that no key has; copy it again")
    return key


def _checked_url(url: str) -> str:
    if not url.isprintable() or " " in url:
        raise ConfigurationError("base_url holds characters that no address has; copy it again")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ConfigurationError(f"base_url is no address: {exc}") from None
    if port == 0 or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("base_url must start with https:// or http:// and name a host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError("base_url must hold no user name, password, query or fragment")
    return url.rstrip("/").removesuffix("/v1")
