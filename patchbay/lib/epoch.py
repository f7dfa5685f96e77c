"""A counter that every process of one machine sees: bumped when a key, plan or price changes.

Caches remember the epoch they were filled under and drop themselves when it moved. Reading is one memory access;
bumping takes a file lock, so that no bump is lost. Read the epoch *before* loading what you cache.
"""

import fcntl
import mmap
import os
import struct
import threading
from pathlib import Path

_FORMAT = struct.Struct("=Q")


class Epoch:
    """A memory-mapped counter in the file `path`, created when missing."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        if os.fstat(self._fd).st_size < _FORMAT.size:
            os.ftruncate(self._fd, _FORMAT.size)
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._map = mmap.mmap(self._fd, _FORMAT.size)
        self._threads = threading.Lock()  # a file lock does not tell the threads of one process apart

    def read(self) -> int:
        """Return the current epoch."""
        value: int = _FORMAT.unpack_from(self._map)[0]
        return value

    def bump(self) -> int:
        """Advance the epoch for every process and return the new value."""
        with self._threads:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            try:
                value = self.read() + 1
                _FORMAT.pack_into(self._map, 0, value)
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
        return value
