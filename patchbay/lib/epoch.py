"""A counter that every process of one machine sees, and whose values each of its last advances was about.

Bumped when a key, plan or price changes, with the name of the organisation whose that is, or with none when it is
everyone's. Caches remember the epoch up to which they know of changes; when it moved they ask for the names since and
drop what belongs to those, or all when so many were made that names are lost. Reading is one memory access; bumping
takes a file lock, so that no bump is lost. Read the epoch *before* loading what you cache.
"""

import fcntl
import mmap
import os
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

EVERYONE = ""
"""The name of a change that concerns everyone."""
KEPT = 1024
"""Of how many changes the names are kept: who was away for longer starts anew."""

_FORMAT = struct.Struct("=Q")
_MARK_AT = _FORMAT.size
_NAME = struct.Struct("=64s")
_NAMES_AT = 64
_SIZE = _NAMES_AT + KEPT * _NAME.size


class Epoch:
    """A memory-mapped counter in the file `path`, created when missing, with a ring of the last names."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        if os.fstat(self._fd).st_size < _SIZE:
            os.ftruncate(self._fd, _SIZE)  # names that an earlier version did not write are empty: everyone's
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._map = mmap.mmap(self._fd, _SIZE)
        self._threads = threading.Lock()  # a file lock does not tell the threads of one process apart

    def read(self) -> int:
        """Return the current epoch."""
        value: int = _FORMAT.unpack_from(self._map)[0]
        return value

    def bump(self, name: str = EVERYONE) -> int:
        """Advance the epoch for every process, because of a change of `name`'s, and return the new value."""
        with self._locked():
            return self._advance(name)

    def changes_since(self, seen: int) -> tuple[int, frozenset[str] | None]:
        """Return the current epoch and whose changes were made since `seen`; None for everyone's, and for too many."""
        now = self.read()
        if not 0 <= now - seen < KEPT:
            return now, None
        names = frozenset(self._name(number) for number in range(seen + 1, now + 1))
        # A writer may be at work on the name after the current one, which takes the place of the oldest.
        lost = self.read() + 1 - KEPT > seen
        return now, None if lost or EVERYONE in names else names

    def mark(self) -> int:
        """Return the counter kept elsewhere that this machine saw last (`follow`)."""
        value: int = _FORMAT.unpack_from(self._map, _MARK_AT)[0]
        return value

    def follow(self, asked: int, mark: int, names: Iterable[str] | None) -> bool:
        """Advance the epoch for the changes that a counter kept elsewhere had from `asked` on, where it is now `mark`.

        `asked` is what `mark()` was when it was asked for them, `names` whose they were, None when that is not known.
        An answer that was overtaken by a later one leaves the later mark; where names are unknown any other mark is
        taken as it comes, because a counter that lost its memory may go back.
        """
        if mark == asked or self.mark() == mark:
            return False
        with self._locked():
            known = self.mark()
            if known == mark:
                return False
            for name in [EVERYONE] if names is None else names:
                self._advance(name)  # before the mark: who sees the new mark must see the new epoch
            if names is None or known == asked or mark > known:
                _FORMAT.pack_into(self._map, _MARK_AT, mark)
        return True

    def _advance(self, name: str) -> int:
        value = self.read() + 1
        written = name.encode()
        _NAME.pack_into(self._map, self._place(value), written if len(written) <= _NAME.size else b"")
        _FORMAT.pack_into(self._map, 0, value)  # after the name: who sees the new epoch must see whose it is
        return value

    def _name(self, number: int) -> str:
        written: bytes = _NAME.unpack_from(self._map, self._place(number))[0]
        return written.rstrip(b"\0").decode(errors="replace")

    @staticmethod
    def _place(number: int) -> int:
        return _NAMES_AT + number % KEPT * _NAME.size

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._threads:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
