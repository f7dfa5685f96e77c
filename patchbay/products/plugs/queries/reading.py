"""A stored text as a person reads it: leaf by leaf, with one passage lit.

A leaf is a page where the format has pages; else a part of about `PART_CHARACTERS`, cut between blocks.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from patchbay.products.plugs.errors import DocumentNotFoundError
from patchbay.products.plugs.models import Document, DocumentVersion, Unit, VersionText
from patchbay.products.plugs.queries import documents

PART_CHARACTERS = 6_000
_GAP = re.compile(r"\n{2,}")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a block; `lit` when it belongs to the passage asked for."""

    text: str
    lit: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its cells for a table's row (one for everything else), each a run of spans."""

    cells: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, list or table of the leaf."""

    lines: tuple[Line, ...]
    heading: bool

    @property
    def table(self) -> bool:
        return any(len(line.cells) > 1 for line in self.lines)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf of a version; `number` counts from 1 to `count`; `paged` when leaves are the format's own pages."""

    document: Document
    version: DocumentVersion
    number: int
    count: int
    paged: bool
    blocks: tuple[Block, ...]

    @property
    def before(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def after(self) -> int | None:
        return self.number + 1 if self.number < self.count else None


def get_leaf(document: Document, version: int, *, number: int | None = None, start: int = 0, end: int = 0) -> Leaf:
    """Return leaf `number` of a version, else the one on which the passage `start`–`end` (code points) begins.

    DocumentNotFoundError when there is no such version or it has no text.
    """
    found = documents.get_version(document, version)
    try:
        text, pages = documents.get_stored_text(found.pk)
    except VersionText.DoesNotExist:
        raise DocumentNotFoundError(
            f"Version {version} of {document.title} has no text: its status is {found.status}."
        ) from None
    starts = pages or part_starts(text)
    chosen = number if number is not None else bisect_right(starts, start)
    chosen = max(1, min(chosen, len(starts)))
    first = starts[chosen - 1]
    last = starts[chosen] if chosen < len(starts) else len(text)
    headings = _headings(found)
    blocks = tuple(_blocks(text, first, last, (start, end), headings))
    return Leaf(document, found, chosen, len(starts), bool(pages), blocks)


def part_starts(text: str) -> tuple[int, ...]:
    """Return where each part of a text without pages starts; a block longer than a part is not cut."""
    starts = [0]
    for gap in _GAP.finditer(text):
        if gap.end() - starts[-1] >= PART_CHARACTERS and gap.end() < len(text):
            starts.append(gap.end())
    return tuple(starts)


def _headings(version: DocumentVersion) -> frozenset[str]:
    rows = Unit.objects.filter(version=version).values_list("headings", flat=True)
    return frozenset(heading for path in rows.iterator() for heading in path)


def _blocks(text: str, first: int, last: int, lit: tuple[int, int], headings: frozenset[str]) -> Iterator[Block]:
    at = first
    for gap in [*_GAP.finditer(text, first, last), None]:
        end = gap.start() if gap else last
        if text[at:end].strip():
            yield Block(tuple(_lines(text, at, end, lit)), heading=text[at:end].strip() in headings)
        at = gap.end() if gap else last


def _lines(text: str, first: int, last: int, lit: tuple[int, int]) -> Iterator[Line]:
    at = first
    for line in text[first:last].split("\n"):
        cells = []
        for cell in line.split("\t"):
            cells.append(tuple(_spans(text, at, at + len(cell), lit)))
            at += len(cell) + 1
        if line.strip():
            yield Line(tuple(cells))


def _spans(text: str, first: int, last: int, lit: tuple[int, int]) -> Sequence[Span]:
    start, end = max(first, lit[0]), min(last, lit[1])
    if start >= end:
        return (Span(text[first:last], lit=False),)
    pieces = (Span(text[first:start], lit=False), Span(text[start:end], lit=True), Span(text[end:last], lit=False))
    return tuple(piece for piece in pieces if piece.text)
