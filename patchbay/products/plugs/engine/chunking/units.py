"""Cut a text into the units that search finds and an answer quotes.

A short clause stays whole; longer prose is cut at sentences into 60 to 180 words; a table row is a unit of its own.
What a unit does not say itself goes into its search text: the headings above it, the column header of each cell, the
opening words of its list (measured: six points more right pages).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from patchbay.products.plugs.engine.chunking.aliases import Aliases, add_aliases, find_aliases
from patchbay.products.plugs.engine.chunking.compose import Composed, Placed, page_at
from patchbay.products.plugs.engine.chunking.sentences import split_sentences
from patchbay.products.plugs.engine.parsing.blocks import NUMBERED, Block

WHOLE_WORDS = 180
TARGET_WORDS = 120
MAX_CHARACTERS = 1_500
LEAD_WORDS = 30
TERM_WORDS = 8


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A unit before it is stored; `start` and `end` are code points in the stored text, `page` that of `start`."""

    kind: str
    start: int
    end: int
    page: int | None
    headings: tuple[str, ...]
    search_text: str


def cut_units(composed: Composed) -> list[Draft]:
    """Return the units of a composed text, in order; together they cover every block but headings and strokes."""
    placed = composed.placed
    cutter = _Cutter(composed, find_aliases(each.block for each in placed), _title_level(placed))
    position = 0
    while position < len(placed):
        if placed[position].block.kind != "item":
            cutter.add(placed[position])
            position += 1
            continue
        run = position
        while run < len(placed) and placed[run].block.kind == "item":
            run += 1
        cutter.add_list(placed[position:run])
        position = run
    cutter.flush()
    return cutter.drafts or list(cutter.headings_only())


@dataclass(slots=True)
class _Cutter:
    composed: Composed
    aliases: Aliases
    title_level: int
    drafts: list[Draft] = field(default_factory=list)
    path: list[tuple[int, str]] = field(default_factory=list)
    headings: tuple[str, ...] = ()
    above: str = ""
    group: list[Placed] = field(default_factory=list)
    words: int = 0
    opener: str = ""

    def add(self, placed: Placed) -> None:
        block = placed.block
        if block.kind == "heading":
            self.flush()
            self._open_section(block)
        elif block.kind == "aside":
            self.flush()
        elif block.kind == "row":
            self.flush()
            self._emit_long("row", placed.start, placed.end, _row_text(block), _lead(self.opener))
        elif block.kind == "code":
            self.flush()
            self._emit_long("code", placed.start, placed.end, "", _lead(self.opener))
        else:
            self._add_paragraph(placed)
            self.opener = block.text

    def add_list(self, items: Sequence[Placed]) -> None:
        """A short list stays with the sentence that opens it; of a long one each item is a unit."""
        size = sum(_count(item.block.text) for item in items)
        opened = bool(self.group) and self.group[-1].block.text.endswith(":")
        if opened and self.words + size <= TARGET_WORDS:
            self.group.extend(items)
            self.flush()
            return
        lead = _lead(self.opener) if opened else ""
        self.flush()
        for item in items:
            self._emit_long("item", item.start, item.end, "", lead)

    def flush(self) -> None:
        """End the group of paragraphs that is open."""
        if self.group:
            first = self.group[0].block.text
            section = self.path[-1][1] if self.path else ""
            kind = "clause" if NUMBERED.match(first) or NUMBERED.match(section) or section[:1].isdigit() else "text"
            self._emit(kind, self.group[0].start, self.group[-1].end, "", "")
        self.group, self.words = [], 0

    def headings_only(self) -> Iterator[Draft]:
        """The units of a document that has nothing but headings."""
        for placed in self.composed.placed:
            if placed.block.kind in ("heading", "aside"):
                page = page_at(self.composed.page_starts, placed.start)
                yield Draft("text", placed.start, placed.end, page, (), placed.block.text)

    def _open_section(self, block: Block) -> None:
        while self.path and self.path[-1][0] >= block.level:
            self.path.pop()
        if block.level != self.title_level:
            self.path.append((block.level, block.text))
        self.headings = tuple(text for _, text in self.path)
        self.above = " / ".join(self.headings)
        self.opener = ""

    def _add_paragraph(self, placed: Placed) -> None:
        size = _count(placed.block.text)
        if size > WHOLE_WORDS or len(placed.block.text) > MAX_CHARACTERS:
            self.flush()
            kind = "clause" if NUMBERED.match(placed.block.text) else "text"
            self._emit_long(kind, placed.start, placed.end, "", "")
            return
        apart = self.group and (
            self.words + size > TARGET_WORDS
            or placed.block.page != self.group[0].block.page
            or NUMBERED.match(placed.block.text)
        )
        if apart:
            term = self._term_before(placed)
            self.flush()
            self.group, self.words = term, sum(_count(each.block.text) for each in term)
        self.group.append(placed)
        self.words += size

    def _term_before(self, placed: Placed) -> list[Placed]:
        """Take the term that a paragraph explains from the end of the group before it, if one stands there."""
        if len(self.group) < 2 or placed.block.page != self.group[-1].block.page or NUMBERED.match(placed.block.text):
            return []
        last = self.group[-1].block.text
        return [self.group.pop()] if _count(last) <= TERM_WORDS and last[-1] not in ".;:!?" else []

    def _emit_long(self, kind: str, start: int, end: int, body: str, lead: str) -> None:
        """Emit whole what is short enough, else sentences in groups; the opening words stay with every part."""
        text = self.composed.text[start:end]
        if len(text) <= MAX_CHARACTERS and _count(text) <= WHOLE_WORDS:
            self._emit(kind, start, end, body, lead)
            return
        opening = " ".join(text[:400].split()[:12])
        for number, (left, right) in enumerate(_sentence_groups(text)):
            self._emit(kind, start + left, start + right, "", lead if number == 0 else f"{lead} {opening}".strip())

    def _emit(self, kind: str, start: int, end: int, body: str, lead: str) -> None:
        text = body or self.composed.text[start:end]
        if not any(map(str.isalnum, text)):
            return
        aliases = add_aliases(f"{self.above} {text}", self.aliases) if self.aliases else ""
        parts = (self.above, lead, text, aliases)
        search_text = "\n".join(part for part in parts if part)
        page = page_at(self.composed.page_starts, start)
        self.drafts.append(Draft(kind, start, end, page, self.headings, search_text))


def _title_level(placed: Sequence[Placed]) -> int:
    """The level of the heading that is the document's title: one above all others tells no unit from another."""
    levels = [each.block.level for each in placed if each.block.kind == "heading"]
    return levels[0] if len(levels) > 1 and levels[0] < min(levels[1:]) else 0


def _count(text: str) -> int:
    return text.count(" ") + 1


def _lead(text: str) -> str:
    """The words that open a list or table: the last sentence of the paragraph before it, if it is short."""
    if not text:
        return ""
    left, right = split_sentences(text[-600:])[-1]
    last = text[-600:][left:right]
    return last if _count(last) <= LEAD_WORDS else ""


def _row_text(block: Block) -> str:
    pairs = [
        f"{block.columns[at]}: {cell}" if at < len(block.columns) and block.columns[at] else cell
        for at, cell in enumerate(block.cells)
        if cell
    ]
    return "; ".join(pairs)


def _sentence_groups(text: str) -> Iterator[tuple[int, int]]:
    """Yield spans of whole sentences, at most TARGET_WORDS and MAX_CHARACTERS each."""
    begin = end = words = 0
    for left, right in _bounded(text):
        size = _count(text[left:right])
        if words and (words + size > TARGET_WORDS or right - begin > MAX_CHARACTERS):
            yield begin, end
            words = 0
        if not words:
            begin = left
        end, words = right, words + size
    if words:
        yield begin, end


def _bounded(text: str) -> Iterator[tuple[int, int]]:
    """Yield sentences; one that never ends is cut at a space, or anywhere when it has none."""
    for left, right in split_sentences(text):
        while right - left > MAX_CHARACTERS:
            space = text.rfind(" ", left + MAX_CHARACTERS // 2, left + MAX_CHARACTERS)
            stop = space if space > 0 else left + MAX_CHARACTERS
            yield left, stop
            left = stop + (space > 0)
        if right > left:
            yield left, right
