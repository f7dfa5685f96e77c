"""What every parser returns: a document as a run of blocks in reading order.

This module and its neighbours import nothing of Django: they run in a small process of their own (`host.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

BlockKind = Literal["heading", "paragraph", "item", "aside", "row", "code"]

MAX_CHARACTERS = 5_000_000
"""Longer texts are refused: some 2,000 dense pages."""

CELL = "\t"
"""What stands between the cells of a row in the stored text: white space, so that a quote still matches its page."""

TIE = "\u202f"
"""What stands between a sentence's end and a footnote's mark: white space that no parser leaves in ordinary text."""

NUMBERED = re.compile(
    r"(?:(?:Article|Section|Clause|Part|Chapter|Schedule|Annex|Appendix|Table|Figure|§)"
    r"\s*[0-9A-Z]{1,4}(?:[.\-][0-9A-Z]{1,3}){0,5}"
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){1,5}[a-z]?\.?|[0-9]{1,3}\."
    r"|[A-Z](?:\.[0-9]{1,3}){1,4}|[A-Z]\.|\([0-9a-zA-Z]{1,4}\))(?=\s|$)"
)
"""What a numbered heading or clause opens with."""


class Block(msgspec.Struct, frozen=True, gc=False):
    """One heading, paragraph, list item, table row, listing; an aside stands in the text, but nobody quotes it.

    `level` is a heading's depth from 1, an item's nesting from 0. `columns` are the header cells above a row,
    `cells` its own. `breaks` are pairs (offset in `text`, page) where the block runs on to another page.
    """

    kind: BlockKind
    text: str
    page: int | None = None
    level: int = 0
    columns: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    breaks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document in blocks. `pages` is None for formats without pages; `note` is for the reader, not an error."""

    blocks: Sequence[Block]
    pages: int | None = None
    note: str = ""


class UnreadableError(Exception):
    """The file cannot become a document; the message is for the person who uploaded it."""


def too_long() -> UnreadableError:
    return UnreadableError(
        f"The document holds more than {MAX_CHARACTERS:,} characters of text. Split it into smaller files."
    )


@dataclass(slots=True)
class TextBudget:
    """Counts characters as they are read, and refuses the document that has too many."""

    left: int = field(default=MAX_CHARACTERS)

    def spend(self, text: str) -> str:
        self.left -= len(text)
        if self.left < 0:
            raise too_long()
        return text


def row(cells: Sequence[str], columns: Sequence[str] = (), page: int | None = None) -> Block:
    """Return a table row; its text is what its filled cells say, in order."""
    return Block(
        "row", CELL.join(cell for cell in cells if cell), page=page, cells=tuple(cells), columns=tuple(columns)
    )


def header(cells: Sequence[str], page: int | None = None) -> Block:
    """Return the header line of a table, an aside."""
    return Block("aside", CELL.join(cell for cell in cells if cell), page=page, cells=tuple(cells))
