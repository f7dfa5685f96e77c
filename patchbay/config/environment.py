"""Reading what an operator sets, and saying what would be right when it is not. Needs nothing but Python."""

import base64
import binascii
import os
from pathlib import Path
from urllib.parse import urlsplit


class SettingError(ValueError):
    """A setting that this instance cannot run with; the message names it and what to set instead."""


def whole_number(name: str, default: int, *, low: int, high: int) -> int:
    """Return an environment variable as a number from `low` to `high`; SettingError for anything else."""
    text = os.environ.get(name, str(default))
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise SettingError(f"{name}: {text!r} is not a number from {low:,} to {high:,}; set one, or leave it out")
    return int(text)


def encryption_keys(name: str) -> tuple[str, ...]:
    """Return the comma-separated Fernet keys of an environment variable; SettingError for what is none."""
    keys = tuple(key.strip() for key in os.environ.get(name, "").split(",") if key.strip())
    for key in keys:
        try:
            right = len(base64.urlsafe_b64decode(key)) == 32
        except (binascii.Error, ValueError):
            right = False
        if not right:  # the message must not repeat it
            raise SettingError(
                f"{name}: a key must be 32 random bytes in URL-safe base64; make one with"
                " `openssl rand -base64 32 | tr +/ -_`"
            )
    return keys


def redis_url(name: str) -> str:
    """Return an environment variable as the address of a Redis, "" without one; SettingError for anything else."""
    text = os.environ.get(name, "").strip()
    parts = urlsplit(text)
    if text and not (
        (parts.scheme in {"redis", "rediss"} and parts.hostname) or (parts.scheme == "unix" and parts.path)
    ):
        raise SettingError(
            f"{name}: {(parts.scheme or text)!r} is no address of a Redis; use redis://[user:password@]host:port/number,"
            " rediss:// for TLS, or unix:///path/to/socket"
        )
    return text


def make_data_dir(path: Path) -> None:
    """Make the data folder, open to its owner alone; SettingError when it cannot be made or written to."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unwritable(path, error.strerror) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise _unwritable(path, "not writable")


def _unwritable(path: Path, reason: str | None) -> SettingError:
    return SettingError(
        f"PATCHBAY_DATA_DIR: {path} cannot be used ({reason}); choose a folder of your own with --data-dir"
    )
