"""A file on its way to the server as multipart/form-data, streamed and rewindable."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from smeplug._arguments import text_or_none

_CHUNK = 64 * 1024
Source = str | os.PathLike[str] | BinaryIO | bytes | bytearray


class Upload:
    """One file part named `file`. Each reading starts where the file stood when it was handed over, so that
    a retry sends the same bytes."""

    def __init__(self, file: BinaryIO, filename: str) -> None:
        if not isinstance(file.read(0), bytes):
            raise TypeError("open the file in binary mode: open(path, 'rb')")
        seekable = getattr(file, "seekable", None)
        if seekable is None or not seekable():  # a pipe cannot be rewound for a retry
            file = io.BytesIO(file.read())
        self._file = file
        self._start = file.tell()
        self._size = file.seek(0, io.SEEK_END) - self._start
        boundary = os.urandom(16).hex()
        self._head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{_escaped(filename)}"\r\n'
            f"Content-Type: {_content_type(filename)}\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.headers = {
            "content-type": f"multipart/form-data; boundary={boundary}",
            "content-length": str(len(self._head) + self._size + len(self._tail)),
        }

    def chunks(self) -> Iterator[bytes]:
        """The body, from its first byte."""
        yield self._head
        self._file.seek(self._start)
        left = self._size  # what a growing file gained since then is not sent: its length is announced
        while left > 0 and (piece := self._file.read(min(_CHUNK, left))):
            left -= len(piece)
            yield piece
        yield self._tail

    async def async_chunks(self) -> AsyncIterator[bytes]:
        """The same body; the disk is read in a thread, so that the event loop does not wait for it."""
        import asyncio

        pieces = self.chunks()
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece


@contextmanager
def open_upload(source: Source, filename: str | None) -> Iterator[Upload]:
    """The upload of a path (opened and closed here), of a file opened in binary mode (left open) or of bytes.

    Raises OSError where a path cannot be read, TypeError for a text-mode file and what is none of these, ValueError
    where a file has no name and none is given.
    """
    filename = text_or_none("filename", filename)
    if isinstance(source, (str, os.PathLike)):
        with _opened(source) as file:
            yield Upload(file, filename or _name_of_path(source))
        return
    if isinstance(source, (bytes, bytearray)):
        yield Upload(io.BytesIO(source), filename or _name_of(source))
        return
    if not hasattr(source, "read"):
        raise TypeError(f"upload takes a path, a file opened in binary mode or bytes, not {type(source).__name__}")
    yield Upload(source, filename or _name_of(source))


def _opened(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        return open(path, "rb")
    except UnicodeEncodeError:
        raise ValueError(f"{str(path)!r} is no path: it holds half a surrogate pair") from None


def _name_of_path(path: str | os.PathLike[str]) -> str:
    """The file's name; bytes in it that are not UTF-8 become U+FFFD."""
    return os.fsencode(Path(path).name).decode("utf-8", "replace")


def _name_of(file: BinaryIO | bytes | bytearray) -> str:
    name = getattr(file, "name", None)  # an integer for a file opened by descriptor, absent for BytesIO and bytes
    if isinstance(name, str) and name:
        return _name_of_path(name)
    raise ValueError("this file has no name: pass filename='….pdf', its ending says what it is")


def _escaped(filename: str) -> str:
    """As browsers write it in multipart bodies (WHATWG HTML §4.10.22.8)."""
    return filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _content_type(filename: str) -> str:
    import mimetypes

    return mimetypes.guess_type(filename)[0] or "application/octet-stream"
