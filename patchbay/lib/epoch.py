"""A counter that every process of one machine sees: bumped when a key, plan or price changes.

Caches remember the epoch they were filled under and drop themselves when it moved. Reading is one memory access;
bumping takes a file lock, so that no bump is lost. Read the epoch *before* loading what you cache.
"""

import fcntl
import mmap
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FORMAT = struct.Struct("=Q")
_MARK = struct.Struct("=Q")
_MARK_AT = _FORMAT.size
_SIZE = _FORMAT.size + _MARK.size


class Epoch:
    """A memory-mapped counter in the file `path`, created when missing."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        if os.fstat(self._fd).st_size < _SIZE:
            os.ftruncate(self._fd, _SIZE)
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._map = mmap.mmap(self._fd, _SIZE)
        self._threads = threading.Lock()  # a file lock does not tell the threads of one process apart

    def read(self) -> int:
        """Return the current epoch."""
        value: int = _FORMAT.unpack_from(self._map)[0]
        return value

    def bump(self) -> int:
        """Advance the epoch for every process and return the new value."""
        with self._locked():
            return self._advance()

    def follow(self, mark: int) -> bool:
        """Advance the epoch when `mark`, a counter kept elsewhere, is not the one this machine saw last."""
        if self._mark() == mark:
            return False
        with self._locked():
            if moved := self._mark() != mark:
                self._advance()  # before the mark: who sees the new mark must see the new epoch
                _MARK.pack_into(self._map, _MARK_AT, mark)
        return moved

    def _mark(self) -> int:
        value: int = _MARK.unpack_from(self._map, _MARK_AT)[0]
        return value

    def _advance(self) -> int:
        value = self.read() + 1
        _FORMAT.pack_into(self._map, 0, value)
        return value

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._threads:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
