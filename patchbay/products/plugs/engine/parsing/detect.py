"""What a file is, by its content; its name only tells Markdown from plain text."""

from pathlib import PurePath
from typing import Protocol

from patchbay.products.plugs.engine.parsing.blocks import UnreadableError
from patchbay.products.plugs.engine.parsing.charset import tell_wide

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
HTML = "text/html"
MARKDOWN = "text/markdown"
TEXT = "text/plain"
LABELS = {PDF: "PDF", DOCX: "Word document", HTML: "HTML page", MARKDOWN: "Markdown", TEXT: "text"}

_ACCEPTED = "Upload PDF, DOCX, HTML, Markdown or plain text."
_WINDOW = 65_536
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an older or password-protected Office file; save it as DOCX without password",
    ),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"RIFF", "a media file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"{\\rtf", "an RTF document; save it as DOCX"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"%!PS", "a PostScript file; save it as PDF"),
    (b"SQLite format 3", "a database"),
)
_ZIPPED = ((b"xl/", "an Excel workbook"), (b"ppt/", "a PowerPoint presentation"), (b"META-INF/", "an archive"))
_HTML_OPENERS = (b"<!doctype html", b"<html", b"<head", b"<body")
_HTML_TAGS = (b"<p>", b"<div", b"</body>", b"<table", b"<h1", b"<li", b"<script", b"</")
_MARKDOWN_SUFFIXES = {".md", ".markdown", ".mdown"}
_HTML_SUFFIXES = {".html", ".htm", ".xhtml"}
_TEXT_SUFFIXES = _MARKDOWN_SUFFIXES | _HTML_SUFFIXES | {".txt", ".text"}  # may speak of PDF in their first lines
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Seekable(Protocol):
    """What is needed of a file to tell its kind."""

    def read(self, size: int = ..., /) -> bytes: ...

    def seek(self, offset: int, whence: int = ..., /) -> int: ...


def detect(file: Seekable, filename: str) -> str:
    """Return the media type of a seekable file; UnreadableError says what it is instead.

    Reads its first and last 64 KiB only and leaves it at its start.
    """
    file.seek(0)
    head = file.read(_WINDOW)
    size = file.seek(0, 2)
    file.seek(max(0, size - _WINDOW))
    tail = file.read(_WINDOW)
    file.seek(0)
    suffix = PurePath(filename).suffix.lower()
    if head.startswith(b"%PDF-") or (b"%PDF-" in head[:1024] and suffix not in _TEXT_SUFFIXES):
        return PDF
    if head.startswith(b"PK\x03\x04"):
        return _zipped(head, tail)
    for magic, name in _FOREIGN:
        if head.startswith(magic) and (b"\0" in head or not magic.isalnum()):  # a text may begin with these letters
            raise UnreadableError(f"The file is {name}. {_ACCEPTED}")
    return _textual(head, suffix)


def _zipped(head: bytes, tail: bytes) -> str:
    names = head + tail  # the directory of a ZIP stands at its end
    if b"word/" in names:
        return DOCX
    what = next((name for mark, name in _ZIPPED if mark in names), "a ZIP archive")
    raise UnreadableError(f"The file is {what}. {_ACCEPTED}")


def _textual(head: bytes, suffix: str) -> str:
    wide = "utf-16" if head.startswith(_UTF16) else tell_wide(head) if b"\0" in head else ""
    if b"\0" in head and not wide:
        raise UnreadableError(f"The file holds binary data of no kind that can be read. {_ACCEPTED}")
    if wide:
        head = head.decode(wide, "ignore").encode("utf-8", "ignore")
    opening = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1024].lower()
    if opening.startswith(_HTML_OPENERS) or (opening.startswith(b"<!--") and b"<html" in head.lower()):
        return HTML
    if suffix in _HTML_SUFFIXES and any(tag in head.lower() for tag in _HTML_TAGS):
        return HTML
    if opening.startswith(b"<?xml"):
        if b"<html" in head.lower():
            return HTML
        raise UnreadableError(f"The file is XML. {_ACCEPTED}")
    if suffix == ".pdf":
        raise UnreadableError("The file is named .pdf but is no PDF: its header is missing or damaged.")
    if suffix in {".docx", ".doc"}:
        raise UnreadableError("The file is named as a Word document but is none.")
    return MARKDOWN if suffix in _MARKDOWN_SUFFIXES else TEXT
