"""Reads typed fields out of a JSON object, and says which one is missing or of the wrong kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from smeplug.errors import InvalidResponseError

T = TypeVar("T")
_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)")


class Fields:
    """One JSON object of an answer; `what` names it in errors."""

    def __init__(self, what: str, data: object) -> None:
        if not isinstance(data, dict):
            raise InvalidResponseError(f"{what}: expected a JSON object, got {type(data).__name__}")
        self.what = what
        self.raw: Mapping[str, Any] = data

    def text(self, name: str) -> str:
        return self._required(name, _text)

    def text_or_none(self, name: str) -> str | None:
        return self._optional(name, _text)

    def integer(self, name: str) -> int:
        return self._required(name, _integer)

    def integer_or_none(self, name: str) -> int | None:
        return self._optional(name, _integer)

    def number_or_none(self, name: str) -> float | None:
        return self._optional(name, _number)

    def boolean(self, name: str) -> bool:
        return self._required(name, _boolean)

    def credits(self, name: str) -> Decimal:
        return self._required(name, _decimal)

    def credits_or_none(self, name: str) -> Decimal | None:
        return self._optional(name, _decimal)

    def time_or_none(self, name: str) -> datetime | None:
        return self._optional(name, parse_time)

    def time(self, name: str) -> datetime:
        return self._required(name, parse_time)

    def part(self, name: str) -> Fields:
        """The object under `name`."""
        return Fields(f"{self.what}.{name}", self._required(name, lambda value: value))

    def parts(self, name: str) -> list[Fields]:
        """The objects of the list under `name`; none if the field is absent or null."""
        items = self.raw.get(name)
        if items is None:
            return []
        if not isinstance(items, list):
            raise InvalidResponseError(f"{self.what}.{name}: expected a list, got {type(items).__name__}")
        return [Fields(f"{self.what}.{name}[{at}]", item) for at, item in enumerate(items)]

    def _required(self, name: str, read: Callable[[Any], T]) -> T:
        if self.raw.get(name) is None:
            raise InvalidResponseError(f"{self.what}.{name} is missing")
        return self._read(name, read)

    def _optional(self, name: str, read: Callable[[Any], T]) -> T | None:
        return None if self.raw.get(name) is None else self._read(name, read)

    def _read(self, name: str, read: Callable[[Any], T]) -> T:
        try:
            return read(self.raw[name])
        except (TypeError, ValueError, InvalidOperation) as exc:
            raise InvalidResponseError(f"{self.what}.{name}: {exc}") from exc


def parse_time(value: object) -> datetime:
    """An RFC 3339 time as an aware datetime in UTC; digits beyond the microsecond are cut.

    Python 3.10's `fromisoformat` takes neither `Z` nor other than 3 or 6 fraction digits.
    """
    found = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"expected an RFC 3339 time, got {value!r}")
    day, clock, fraction, zone = found.groups()
    offset = "+00:00" if zone in "Zz" else zone
    micros = (fraction or "")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{day}T{clock}.{micros}{offset}").astimezone(timezone.utc)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"expected a string, got {type(value).__name__}")


def _integer(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"expected an integer, got {type(value).__name__}")


def _number(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise TypeError(f"expected a number, got {type(value).__name__}")


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise TypeError(f"expected true or false, got {type(value).__name__}")


def _decimal(value: object) -> Decimal:
    if not isinstance(value, str):  # a JSON number has been through a float somewhere: not money
        raise TypeError(f"expected a decimal string, got {type(value).__name__}")
    amount = Decimal(value)
    if not amount.is_finite():
        raise ValueError(f"expected a finite amount, got {value!r}")
    return amount
