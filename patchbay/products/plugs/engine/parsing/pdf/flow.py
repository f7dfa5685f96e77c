"""From lines to blocks: which lines are one paragraph, which are headings, which are rows of a table."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from patchbay.products.plugs.engine.parsing.blocks import NUMBERED, Block, BlockKind, header, row
from patchbay.products.plugs.engine.parsing.pdf.directory import directory_lines
from patchbay.products.plugs.engine.parsing.pdf.layout import BULLETS, Line
from patchbay.products.plugs.engine.parsing.pdf.listings import Listings, set_out
from patchbay.products.plugs.engine.parsing.pdf.tables import Table, table_at

_TOP_LEVEL = re.compile(r"(?:Part|Chapter|Schedule|Annex|Appendix)\b", re.IGNORECASE)
_WIDE_GAP = 1.3  # of the usual distance of two lines
_HEADING_WORDS = 15
_MEASURED = 40  # pages, evenly spread, tell the usual size and distance as well as all do
_HEADING_CHARACTERS = 130


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page's lines in reading order and the heights of the rules drawn on it."""

    number: int
    lines: Sequence[Line]
    rules: Sequence[float]


@dataclass(slots=True)
class _Open:
    """A paragraph that lines are still added to."""

    lines: list[Line]
    text: str
    page: int
    breaks: list[tuple[int, int]] = field(default_factory=list)


class Flow:
    """Turns the pages of one document into blocks, knowing its usual size of letters and distance of lines."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._open: _Open | None = None
        self._page = 0
        self._body = 10.0
        self._body_bold = False
        self._pitch = 12.0
        self._right: dict[int, float] = {}
        self._table: Table | None = None
        self._columns: tuple[str, ...] = ()
        self._head: tuple[str, ...] = ()
        self._listings = Listings(monospaced=False, pitch=self._pitch, body=self._body)

    def blocks(self, sheets: Sequence[Sheet]) -> list[Block]:
        """Return the document's blocks."""
        self._measure(sheets)
        for sheet in sheets:
            self._sheet(sheet)
        self._close()
        return self._blocks

    def _measure(self, sheets: Sequence[Sheet]) -> None:
        sizes: Counter[float] = Counter()
        bold = mono = letters = 0
        pitches: list[float] = []
        for sheet in sheets[:: max(1, len(sheets) // _MEASURED)]:
            for above, line in zip((None, *sheet.lines), sheet.lines, strict=False):
                count = len(line.text)
                sizes[round(line.size, 1)] += count
                letters += count
                bold += count if line.bold else 0
                mono += count if line.mono else 0
                if above and len(line.parts) == 1 and above.region == line.region and abs(above.size - line.size) < 0.6:
                    distance = above.middle - line.middle
                    if 0.8 * line.size < distance < 2.4 * line.size:
                        pitches.append(distance / line.size)
        if sizes:
            self._body = max(sizes, key=sizes.__getitem__)
        self._body_bold = bold > letters / 2
        self._pitch = (median(pitches) if pitches else 1.2) * self._body
        self._listings = Listings(monospaced=mono > letters / 2, pitch=self._pitch, body=self._body)

    def _sheet(self, sheet: Sheet) -> None:
        self._page = sheet.number
        self._right = {}
        for line in sheet.lines:
            self._right[line.region] = max(self._right.get(line.region, 0.0), line.right)
        apart = directory_lines(sheet.lines)
        position = 0
        while position < len(sheet.lines):
            position = self._step(sheet, position, apart)

    def _step(self, sheet: Sheet, position: int, apart: set[int]) -> int:
        """Take in what stands at a line; return where the next thing does."""
        lines = sheet.lines
        line = lines[position]
        if position in apart:
            self._close()
            self._blocks.append(Block("aside", line.text, page=self._page))
            return position + 1
        above = lines[position - 1] if position else None
        if line.mono and (end := self._listings.end(lines, position, self._inside(line, above))) > position:
            self._close()
            # One line alone is a command, or a term that is explained below: it stays with the prose.
            kind: BlockKind = "code" if end > position + 1 else "paragraph"
            self._blocks.append(Block(kind, set_out(lines[position:end]), page=self._page))
            return end
        found = table_at(lines, position, sheet.rules) if len(line.parts) > 1 else None
        if found:
            self._close()
            self._add_table(found[0], at_top=position == 0)
            return found[1]
        self._add_line(line, above)
        if line.text.strip():
            self._table = None
        return position + 1

    def _inside(self, line: Line, above: Line | None) -> Line | None:
        """Return the line before in a paragraph that could go on with this one."""
        paragraph = self._open
        if paragraph is None or paragraph.text[-1:] == ":" or not self._continues(paragraph, line, above):
            return None
        return paragraph.lines[-1]

    def _add_table(self, table: Table, *, at_top: bool) -> None:
        """Emit a table's rows; one that goes on from the page before keeps its header."""
        rows = table.rows
        goes_on = (
            at_top
            and self._table is not None
            and len(self._table.starts) == len(table.starts)
            and all(abs(a - b) < 12 for a, b in zip(self._table.starts, table.starts, strict=True))
        )
        if goes_on and rows[0] == self._head:
            rows = rows[table.heads :]
        elif not goes_on:
            self._columns, self._head = table.columns, rows[0]
            self._blocks.extend(header(cells, self._page) for cells in rows[: table.heads])
            rows = rows[table.heads :]
        self._blocks.extend(row(cells, self._columns, self._page) for cells in rows)
        self._table = table

    def _add_line(self, line: Line, above: Line | None) -> None:
        text = line.text
        if self._open and self._continues(self._open, line, above):
            self._append(self._open, line)
        else:
            self._close()
            self._open = _Open([line], text, self._page)

    def _continues(self, paragraph: _Open, line: Line, above: Line | None) -> bool:
        last = paragraph.lines[-1]
        if last.broken:
            return True
        if abs(last.size - line.size) > 0.12 * line.size or last.bold != line.bold:
            return False
        if above is None or above.region != line.region:
            # The top of a page or column goes on with a sentence that was not finished below.
            return _is_unfinished(paragraph.text) and line.text[:1].islower()
        distance = last.middle - line.middle
        if distance > _WIDE_GAP * self._pitch * max(1.0, line.size / self._body):
            return False
        finished = paragraph.text[-1:] in ".;:!?" or last.right < self._full(last)
        if _starts_item(line.text):
            return not finished
        return not (paragraph.text[-1:] in ".:;!?" and last.right < self._full(last))

    def _full(self, line: Line) -> float:
        """A line that ends left of this was not full: its paragraph ended."""
        right = self._right.get(line.region, line.right)
        return right - 0.15 * (right - line.left)

    def _append(self, paragraph: _Open, line: Line) -> None:
        joint = "" if paragraph.lines[-1].broken else " "
        offset = len(paragraph.text) + len(joint)
        pages = {page for _, page in paragraph.breaks} | {paragraph.page}
        if self._page not in pages:
            paragraph.breaks.append((offset, self._page))
        paragraph.text += joint + line.text
        paragraph.lines.append(line)

    def _close(self) -> None:
        paragraph, self._open = self._open, None
        if paragraph is None or not paragraph.text.strip():
            return
        if level := self._heading_level(paragraph):
            self._blocks.append(Block("heading", paragraph.text, page=paragraph.page, level=level))
            return
        text = paragraph.text
        is_item = text[0] in BULLETS and text[1:2] == " "
        self._blocks.append(
            Block("item" if is_item else "paragraph", text, page=paragraph.page, breaks=tuple(paragraph.breaks))
        )

    def _heading_level(self, paragraph: _Open) -> int:
        """Return the level of a heading, 0 for a paragraph."""
        text, line = paragraph.text, paragraph.lines[0]
        if len(text) > _HEADING_CHARACTERS or text[-1] in ".;,:" or len(paragraph.lines) > 3:
            return 0
        number = NUMBERED.match(text)
        large = line.size >= 1.12 * self._body
        bold = line.bold and not self._body_bold
        capitals = text.isupper() and sum(letter.isalpha() for letter in text) > 3
        if not (number or large or bold or capitals):
            return 0
        words = len(text.split())
        if words > _HEADING_WORDS or not any(letter.isalpha() for letter in text):
            return 0
        after = text[number.end() :].strip() if number else ""
        titled = bool(number) and words <= 9 and after[:1].isupper() and len(paragraph.lines) == 1
        if not (large or bold or capitals or titled):
            return 0
        if number and _TOP_LEVEL.match(text):
            return 1
        if number:
            return min(6, number.group(0).strip(" .").count(".") + 2)
        if line.size >= 1.4 * self._body:
            return 1
        return 2 if large else 5


def _starts_item(text: str) -> bool:
    return bool(NUMBERED.match(text)) or (text[0] in BULLETS and text[1:2] == " ")


def _is_unfinished(text: str) -> bool:
    return text[-1:] not in ".;:!?"
