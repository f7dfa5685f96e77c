"""HTML pages: what a reader sees as content. Scripts, styles, navigation, forms and hidden elements are left out."""

import re
from dataclasses import dataclass, field
from typing import Any

import lxml.html

from patchbay.products.plugs.engine.parsing.blocks import Block, Parsed, TextBudget, UnreadableError, header, row
from patchbay.products.plugs.engine.parsing.text import clean, decode, squeeze

_DROPPED_TAGS = (
    "script style noscript template iframe object embed svg math canvas audio video nav footer aside form button"
    " select input textarea dialog head link meta"
)
_DROPPED = frozenset(_DROPPED_TAGS.split())
_BLOCK_TAGS = (
    "p div section article main header body html ul ol dl dt dd blockquote figure figcaption address details summary"
    " fieldset center hr"
)
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_MAX_DEPTH = 500
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?\s*([a-zA-Z0-9_-]{2,40})", re.IGNORECASE)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


def parse(data: bytes) -> Parsed:
    """Parse an HTML page; UnreadableError for one without content."""
    text = _decode(data)
    parser = lxml.html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = lxml.html.document_fromstring(_DECLARATION.sub("", text), parser=parser)
    except (lxml.etree.ParserError, ValueError) as error:
        raise UnreadableError("The HTML page is empty or cannot be read.") from error
    reader = _Reader()
    reader.walk(_content(root), 0)
    reader.close()
    return Parsed(reader.blocks)


def _decode(data: bytes) -> str:
    """Decode as the page declares, where that is a Windows or Latin set; all others as text is."""
    declared = _CHARSET.search(data[:4096])
    name = declared.group(1).decode("ascii").lower() if declared else ""
    if name in ("windows-1252", "iso-8859-1", "latin1", "latin-1", "cp1252"):
        return clean(data.decode("cp1252", "replace"))
    return decode(data)


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
            self._add("heading", element.text_content(), _HEADINGS[tag])
        elif tag == "table" and not element.findall(".//table"):
            self.close()
            self._table(element)
        elif tag == "pre":
            self.close()
            self._add("code", "\n".join(line.rstrip() for line in element.text_content().split("\n")))
        elif tag in ("ul", "ol"):
            self._list(element, level)
        else:
            self._inside(element, tag, level)

    def close(self) -> None:
        """End the paragraph or item that is open."""
        text = self.budget.spend(squeeze("".join(self.words)))
        if text:
            text = f"{self.marker} {text}" if self.marker not in ("", "-") else text
            self.blocks.append(Block("item" if self.marker else "paragraph", text, level=self.depth))
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
        number = int(start) if start.isdigit() and len(start) < 7 else 1
        outer = self.marker, self.depth
        for child in element:
            if child.tag == "li":
                self.marker = f"{number}." if element.tag == "ol" else "-"
                self.depth = outer[1] + 1 if outer[0] else 0
                self._inside(child, "li", level + 1)
                number += 1
            else:
                self.walk(child, level + 1)
        self.marker, self.depth = outer

    def _table(self, element: Any) -> None:
        rows: list[tuple[tuple[str, ...], bool]] = []
        for line in element.iter("tr"):
            cells = [cell for cell in line if cell.tag in ("td", "th")]
            texts = tuple(squeeze(_visible_text(cell)) for cell in cells)
            if any(texts):
                rows.append((texts, all(cell.tag == "th" for cell in cells)))
        caption = element.find("caption")
        if caption is not None:
            self._add("paragraph", caption.text_content())
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
        text = text.strip("\n") if kind == "code" else squeeze(text)
        if self.budget.spend(text).strip():
            self.blocks.append(Block(kind, text, level=level))


def _is_hidden(element: Any) -> bool:
    style = (element.get("style") or "").replace(" ", "").lower()
    return element.get("hidden") is not None or "display:none" in style or "visibility:hidden" in style


def _visible_text(element: Any) -> str:
    if not isinstance(element.tag, str) or element.tag in _DROPPED or _is_hidden(element):
        return ""
    inner = "".join(_visible_text(child) + (child.tail or "") for child in element)
    joint = " " if element.tag in _BLOCKS or element.tag in ("br", "li") else ""
    return f"{joint}{element.text or ''}{inner}{joint}"
