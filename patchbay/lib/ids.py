"""Prefixed UUIDv7 identifiers: `org_0192f3a4…`, 32 hexadecimal digits after the prefix.

They sort by creation time, so that a primary key is also a paging cursor.
"""

import os
import time
from array import array
from collections.abc import Callable
from functools import partial

LENGTH = 40

# Random words, drawn from the system many at a time: each draw gives up the interpreter's lock, to whichever thread
# waits for it, in the middle of making an identifier.
_words: list[int] = []
os.register_at_fork(after_in_child=_words.clear)


def new_id(prefix: str) -> str:
    """Return a new identifier such as `plug_0192f3a4b5c67d8e9fa0b1c2d3e4f506` (RFC 9562, version 7).

    The 12 bits after the version are the time below a millisecond (its method 3), so that those of one process sort
    in the order they were made in, to a quarter of a microsecond.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76 | (nanoseconds * 4096 // 1_000_000) << 64
    value |= 0x2 << 62 | _random_word() & 0x3FFFFFFFFFFFFFFF
    return f"{prefix}_{value:032x}"


def _random_word() -> int:
    while True:
        try:
            return _words.pop()
        except IndexError:  # also when another thread took the last of them
            _words.extend(array("Q", os.urandom(2048)))


def id_factory(prefix: str) -> Callable[[], str]:
    """Return a default for a model's primary key; a `partial`, because migrations must name it."""
    return partial(new_id, prefix)
