"""What callers pass, checked where they pass it: TypeError or ValueError, with the argument's name and what to do."""

from __future__ import annotations

from decimal import Decimal


def text(name: str, value: object) -> str:
    """A string that can be sent as UTF-8."""
    if not isinstance(value, str):
        raise _not_a("string", name, value)
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise ValueError(
            f"{name} holds half a surrogate pair at {exc.start}, which is no character: where it was decoded, decode"
            " with errors='replace'"
        ) from None
    return value


def text_or_none(name: str, value: object) -> str | None:
    return None if value is None else text(name, value)


def whole(name: str, value: object, least: int = 0) -> int:
    """A whole number; True and False are none."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise _not_a("whole number", name, value)
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return value


def whole_or_none(name: str, value: object) -> int | None:
    return None if value is None else whole(name, value)


def seconds(name: str, value: object) -> float:
    """A time from 0 seconds on."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _not_a("number of seconds", name, value)
    if not value >= 0:  # NaN is not
        raise ValueError(f"{name} must be a number of seconds from 0 on, not {value}")
    return value


def credits_or_none(name: str, value: object) -> int | str | None:
    """An exact amount, as JSON takes it."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{name} must be an amount, not {value}")
        return str(value)
    if isinstance(value, str):
        return text(name, value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise _not_a("Decimal, a whole number or a string, which are exact", name, value)


def _not_a(kind: str, name: str, value: object) -> TypeError:
    return TypeError(f"{name} must be a {kind}, not {type(value).__name__}")
