"""Cursor paging, newest first, over anything that is ordered by its time-sortable id."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from patchbay.lib.errors import FieldError, InvalidError

T = TypeVar("T")
DEFAULT_LIMIT = 50
MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: `next_cursor` is None on the last one."""

    data: Sequence[T]
    next_cursor: str | None


def encode_cursor(last_id: str) -> str:
    return base64.urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """Return the id behind a cursor; InvalidError names the parameter when it is not one of ours."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise _foreign_cursor() from None


def _foreign_cursor() -> InvalidError:
    return InvalidError(
        "The cursor is not one that a list returned.",
        fields=(FieldError("cursor", "Use `next_cursor` of the page before, unchanged."),),
    )


def page_of(rows: Any, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None, key: str = "id") -> Page[Any]:
    """Cut a queryset into a page, newest first, by the unique sortable column `key`."""
    limit = max(1, min(limit, MAX_LIMIT))
    if cursor:
        last_id = decode_cursor(cursor)
        if not last_id.startswith(_prefix(rows, key)):
            raise _foreign_cursor()
        try:
            rows = rows.filter(**{f"{key}__lt": last_id})
        except ValueError:  # a number was expected: the cursor is another list's
            raise _foreign_cursor() from None
    found = list(rows.order_by(f"-{key}")[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return Page(found, encode_cursor(str(getattr(found[-1], key))) if more else None)


def _prefix(rows: Any, key: str) -> str:
    """Return what every id of the list starts with, such as `doc_`; empty where its column makes none."""
    default = rows.model._meta.get_field(key).default
    return f"{default.args[0]}_" if isinstance(default, partial) else ""
