"""Reading what an operator sets, and saying what would be right when it is not. Needs nothing but Python."""

import os
from pathlib import Path


class SettingError(ValueError):
    """A setting that this instance cannot run with; the message names it and what to set instead."""


def whole_number(name: str, default: int, *, low: int, high: int) -> int:
    """Return an environment variable as a number from `low` to `high`; SettingError for anything else."""
    text = os.environ.get(name, str(default))
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise SettingError(f"{name}: {text!r} is not a number from {low:,} to {high:,}; set one, or leave it out")
    return int(text)


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
