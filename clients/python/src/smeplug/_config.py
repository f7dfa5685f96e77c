"""What a client was told, or finds in the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from smeplug.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api.smeplug.dev"
DEFAULT_TIMEOUT = 60.0  # seconds of silence; an open stream is pinged every 15


@dataclass(frozen=True)
class Config:
    """`base_url` has neither a trailing slash nor the `/v1`, which every path brings."""

    api_key: str = field(repr=False)
    base_url: str
    plugin_id: str | None
    timeout: float


def resolve_config(api_key: str | None, base_url: str | None, plugin_id: str | None, timeout: float) -> Config:
    """Arguments first, then `SME_API_KEY`, `SME_BASE_URL`, `SME_PLUGIN_ID`; else ConfigurationError."""
    return Config(
        api_key=_checked_key(api_key or os.environ.get("SME_API_KEY", "")),
        base_url=_checked_url(base_url or os.environ.get("SME_BASE_URL") or DEFAULT_BASE_URL),
        plugin_id=plugin_id or os.environ.get("SME_PLUGIN_ID") or None,
        timeout=timeout,
    )


def _checked_key(key: str) -> str:
    key = key.strip()  # a key read from a file or a prompt often brings its line end
    if not key:
        raise ConfigurationError("no API key: pass api_key=… or set SME_API_KEY")
    # Checked here, because the HTTP library would print the whole value in its complaint.
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("the API key holds characters that no key has; copy it again")
    return key


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("base_url must start with https:// or http:// and name a host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError("base_url must hold no user name, password, query or fragment")
    return url.rstrip("/").removesuffix("/v1")
