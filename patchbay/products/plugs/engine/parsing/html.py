"""HTML pages: what a reader sees as content. Scripts, styles, navigation, forms and hidden elements are left out."""

import re
from dataclasses import dataclass, field
from typing import Any

import lxml.html

from patchbay.products.plugs.engine.parsing.blocks import Block, Parsed, TextBudget, UnreadableError, header, row
from patchbay.products.plugs.engine.parsing.text import clean, decode, line_of, squeeze

_DROPPED_TAGS = (
    "script style noscript noframes template iframe object embed svg math canvas audio video nav footer aside button"
    " select input textarea dialog head link meta"
)
_DROPPED = frozenset(_DROPPED_TAGS.split())
_BLOCK_TAGS = (
    "p div section article main header body html ul ol dl dt dd blockquote figure figcaption address details summary"
    " form fieldset legend center hr"
)
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_MAX_DEPTH = 250
_MAX_COLUMNS = 100  # what spans beyond spans nothing: a hostile table would grow by the square
_FRAMES_NAMED = 5
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?\s*([a-zA-Z0-9_-]{2,40})", re.IGNORECASE)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


def parse(data: bytes) -> Parsed:
    """Parse an HTML page; UnreadableError for one without content."""
    text = _decode(data)
    parser = lxml.html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = lxml.html.document_fromstring(_DECLARATION.sub("", text), parser=parser)
    except (lxml.etree.ParserError, ValueError) as error:
        raise UnreadableError("The HTML page is empty or cannot be read.") from error
    reader = _Reader()
    reader.walk(_content(root), 0)
    reader.close()
    if not reader.blocks and (frames := root.findall(".//frame") + root.findall(".//iframe")):
        shown = ", ".join(line_of(frame.get("src") or "")[:80] for frame in frames[:_FRAMES_NAMED])
        raise UnreadableError(f"The page holds no text: it shows other pages in frames. Upload those: {shown}")
    return Parsed(reader.blocks)


def _decode(data: bytes) -> str:
    """Decode by byte-order mark, else as the page declares, else as text is."""
    declared = _CHARSET.search(data[:4096])
    return decode(data, declared.group(1).decode("ascii").lower() if declared else "")


def _content(root: Any) -> Any:
    """Return the page's only `main` or `article`, if it has one; else all of it."""
    for name in ("main", "article"):
        found = root.findall(f".//{name}")
        if len(found) == 1 and len(squeeze(found[0].text_content())) > 200:
            return found[0]
    return root


@dataclass(slots=True)
class _Reader:
    """Walks the tree and gathers the text between block elements."""

    blocks: list[Block] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    marker: str = ""
    depth: int = 0
    budget: TextBudget = field(default_factory=TextBudget)

    def walk(self, element: Any, level: int) -> None:
        tag = element.tag if isinstance(element.tag, str) else ""
        if tag in _DROPPED or level > _MAX_DEPTH or _is_hidden(element):
            return
        if tag in _HEADINGS:
            self.close()
            self._add("heading", _visible_text(element), _HEADINGS[tag])
        elif tag == "table" and not element.findall(".//table"):
            self.close()
            self._table(element)
        elif tag == "pre":
            self.close()
            self._add("code", "\n".join(line.rstrip() for line in _visible_text(element, "\n").split("\n")))
        elif tag in ("ul", "ol"):
            self._list(element, level)
        else:
            self._inside(element, tag, level)

    def close(self) -> None:
        """End the paragraph or item that is open."""
        text = self.budget.spend(line_of("".join(self.words)))
        if text:
            text = f"{self.marker} {text}" if self.marker not in ("", "-") else text
            self.blocks.append(Block("item" if self.marker else "paragraph", text, level=self.depth))
            self.marker = self.marker and "-"  # only an item's first paragraph stands behind its number
        self.words = []

    def _inside(self, element: Any, tag: str, level: int) -> None:
        apart = tag in _BLOCKS or tag in ("table", "tr", "td", "th", "tbody", "thead", "li")
        if apart:
            self.close()
        if tag == "br":
            self.words.append(" ")
        self.words.append(element.text or "")
        for child in element:
            self.walk(child, level + 1)
            self.words.append(child.tail or "")
        if apart:
            self.close()

    def _list(self, element: Any, level: int) -> None:
        self.close()
        start = element.get("start") or "1"
        number = int(start) if start.isdecimal() and len(start) < 7 else 1
        outer = self.marker, self.depth
        for child in element:
            if child.tag == "li":
                value = child.get("value") or ""
                number = int(value) if value.isdecimal() and len(value) < 7 else number
                self.marker = f"{number}." if element.tag == "ol" else "-"
                self.depth = outer[1] + 1 if outer[0] else 0
                self._inside(child, "li", level + 1)
                number += 1
            else:
                self.walk(child, level + 1)
        self.marker, self.depth = outer

    def _table(self, element: Any) -> None:
        rows = _grid(element)
        caption = element.find("caption")
        if caption is not None:
            self._add("paragraph", _visible_text(caption))
        columns: tuple[str, ...] = ()
        for texts, is_header in rows:
            if len(texts) == 1:
                self._add("paragraph", texts[0])
            elif is_header:
                columns = texts
                self.blocks.append(header(texts))
            else:
                self.blocks.append(row(texts, columns))

    def _add(self, kind: Any, text: str, level: int = 0) -> None:
        text = clean(text).strip("\n") if kind == "code" else line_of(text)
        if self.budget.spend(text).strip():
            self.blocks.append(Block(kind, text, level=level))


def _is_hidden(element: Any) -> bool:
    style = (element.get("style") or "").replace(" ", "").lower()
    return element.get("hidden") is not None or "display:none" in style or "visibility:hidden" in style


def _grid(table: Any) -> list[tuple[tuple[str, ...], bool]]:
    """Return the rows that say something, each cell under its own column, and whether all of it is header.

    What spans several columns or rows stands in the first; a line that is one cell alone stays one.
    """
    rows: list[tuple[tuple[str, ...], bool]] = []
    taken: dict[int, int] = {}  # column → for how many rows more a cell above reaches into it
    for line in table.iter("tr"):
        cells = [cell for cell in line if cell.tag in ("td", "th")]
        texts: list[str] = []
        taken_next = {column: left - 1 for column, left in taken.items() if left > 1}
        for cell in cells:
            while len(texts) in taken:
                texts.append("")
            across, down = min(_span(cell, "colspan"), max(1, _MAX_COLUMNS - len(texts))), _span(cell, "rowspan")
            if down > 1 and len(texts) < _MAX_COLUMNS:
                taken_next |= dict.fromkeys(range(len(texts), len(texts) + across), down - 1)
            texts += [line_of(_visible_text(cell)), *[""] * (across - 1)]
        if any(texts):
            alone = len(cells) == 1 and not taken
            rows.append((tuple(texts[:1] if alone else texts), all(cell.tag == "th" for cell in cells)))
        taken = taken_next
    return rows


def _span(cell: Any, name: str) -> int:
    value = cell.get(name) or ""
    return max(1, int(value)) if value.isdecimal() and len(value) < 7 else 1


def _visible_text(element: Any, line_end: str = " ", level: int = 0) -> str:
    """Return what a reader sees of an element, a space around its blocks and `line_end` for a `br`."""
    if not isinstance(element.tag, str) or element.tag in _DROPPED or level > _MAX_DEPTH or _is_hidden(element):
        return ""
    if element.tag == "br":
        return line_end
    inner = "".join(_visible_text(child, line_end, level + 1) + (child.tail or "") for child in element)
    joint = " " if element.tag in _BLOCKS or element.tag == "li" else ""
    return f"{joint}{element.text or ''}{inner}{joint}"
