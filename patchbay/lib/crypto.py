"""Keeping secrets that must be read again: Fernet (AES-128-CBC with HMAC-SHA-256) under keys of its own.

The keys are not the `SECRET_KEY`, so that either can be changed without the other. They are `PATCHBAY_ENCRYPTION_KEYS`,
newest first, else a file in the data folder, made on first use. What any of them encrypted can be read; the newest one
encrypts. A process notices by itself when the file changes.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

KEPT = 2
"""Keys that stay readable after a whole rotation: a process may still write with the one before for a moment."""


class UnreadableError(ValueError):
    """What was stored was encrypted with a key that is not here any more, or is damaged."""


class Keyring:
    """The keys of one instance: `given` ones (from the environment), or those of the file `path`."""

    def __init__(self, given: tuple[str, ...], path: Path) -> None:
        self._given = given
        self._path = path
        self._lock = threading.Lock()
        self._loaded: tuple[object, MultiFernet] | None = None

    @property
    def rotates_itself(self) -> bool:
        """Whether the keys are the file's, so that `add` can renew them."""
        return not self._given

    def encrypt(self, plain: bytes) -> bytes:
        return self._fernet().encrypt(plain)

    def decrypt(self, stored: bytes | memoryview) -> bytes:
        """Return what was encrypted; UnreadableError when no key fits."""
        try:
            return self._fernet().decrypt(bytes(stored))
        except InvalidToken:
            raise UnreadableError("No encryption key of this instance fits; was one of them taken away?") from None

    def renew(self, stored: bytes | memoryview) -> bytes:
        """Return it encrypted with the newest key; UnreadableError when no key fits."""
        try:
            return self._fernet().rotate(bytes(stored))
        except InvalidToken:
            raise UnreadableError("No encryption key of this instance fits; was one of them taken away?") from None

    def add(self) -> str:
        """Put a new key before the others of the file and return it; none is forgotten, for all may be in use."""
        if self._given:
            raise ValueError("The keys come from PATCHBAY_ENCRYPTION_KEYS: put a new one first there.")
        with self._changing() as keys:
            fresh = Fernet.generate_key().decode()
            _write(self._path, [fresh, *keys], replace=True)
        return fresh

    def forget_before(self, key: str) -> None:
        """Keep this key of the file, those that are newer, and the one before it: nothing is encrypted with older ones.

        Only for who has renewed everything since `key` was added: a rotation that broke off forgets none.
        """
        with self._changing() as keys:
            if key in keys:
                _write(self._path, keys[: keys.index(key) + KEPT], replace=True)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[tuple[str, ...]]:
        """Give the keys of the file to who changes them, one after another over all processes of this machine."""
        self._version()
        with self._lock, open(self._path.with_name(f"{self._path.name}.lock"), "w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield self._read()

    def _fernet(self) -> MultiFernet:
        version = None if self._given else self._version()
        loaded = self._loaded
        if loaded is None or loaded[0] != version:
            keys = self._given or self._read()
            loaded = self._loaded = (version, MultiFernet([Fernet(key) for key in keys]))
        return loaded[1]

    def _version(self) -> object:
        """What changes when the file is replaced."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            _write(self._path, [Fernet.generate_key().decode()], replace=False)
            found = os.stat(self._path)
        return found.st_ino, found.st_mtime_ns

    def _read(self) -> tuple[str, ...]:
        self._version()
        return tuple(self._path.read_text().split())


def _write(path: Path, keys: Sequence[str], *, replace: bool) -> None:
    """Write the keys, whole or not at all, for the owner's eyes alone; an existing file stays unless told otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(keys) + "\n")
        file.flush()
        os.fsync(file.fileno())  # a secret encrypted with a key that a power cut took is lost
    if replace:
        fresh.replace(path)
        return
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)  # atomic: two processes that start together agree on one key
    fresh.unlink()


_rings: dict[tuple[tuple[str, ...], Path], Keyring] = {}


def keyring() -> Keyring:
    """Return the keyring that the settings name."""
    where = (tuple(settings.ENCRYPTION_KEYS), Path(settings.ENCRYPTION_KEYS_FILE))
    ring = _rings.get(where)
    if ring is None:
        ring = _rings.setdefault(where, Keyring(*where))
    return ring


def encrypt(plain: str | bytes) -> bytes:
    """Return a secret as it may be stored."""
    return keyring().encrypt(plain.encode() if isinstance(plain, str) else plain)


def decrypt(stored: bytes | memoryview) -> bytes:
    """Return a stored secret; UnreadableError when no key of this instance fits."""
    return keyring().decrypt(stored)
