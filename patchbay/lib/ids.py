"""Prefixed UUIDv7 identifiers: `org_0192f3a4…`, 32 hexadecimal digits after the prefix.

They sort by creation time, so that a primary key is also a paging cursor.
"""

import os
import time
from collections.abc import Callable
from functools import partial

LENGTH = 40


def new_id(prefix: str) -> str:
    """Return a new identifier such as `plug_0192f3a4b5c67d8e9fa0b1c2d3e4f506` (RFC 9562, version 7)."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    value |= 0x2 << 62 | random & 0x3FFFFFFFFFFFFFFF
    return f"{prefix}_{value:032x}"


def id_factory(prefix: str) -> Callable[[], str]:
    """Return a default for a model's primary key; a `partial`, because migrations must name it."""
    return partial(new_id, prefix)
