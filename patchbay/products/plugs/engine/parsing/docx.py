"""Word documents, from their XML directly: headings by style, list numbers as Word would show them, tables.

The archive is read with bounds, so that a bomb of a few kilobytes cannot unpack into gigabytes; entities are not
resolved. Headers, footers and comments stand in other parts and are not read; deleted and hidden text is skipped.
"""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from lxml import etree

from patchbay.products.plugs.engine.parsing.blocks import Block, Parsed, TextBudget, UnreadableError, header, row
from patchbay.products.plugs.engine.parsing.numbering import Numbering, read_numbering
from patchbay.products.plugs.engine.parsing.text import line_of, squeeze

MAX_ENTRIES = 5_000
MAX_PART_BYTES = 100 * 1024 * 1024
MAX_RATIO = 200  # text in XML packs 10 to 30 times; a bomb a thousand
_MIN_SUSPECT = 10 * 1024 * 1024

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT = b"http://purl.oclc.org/ooxml/wordprocessingml/main"  # the same words under another name
_OFFICE_DOCUMENT = "/relationships/officeDocument"
_WRAPPERS = {f"{W}sdt", f"{W}ins", f"{W}moveTo", f"{W}sdtContent", f"{W}customXml"}
_CALLS = {f"{W}footnoteReference": "footnote", f"{W}endnoteReference": "endnote"}
_BOX = f"{W}txbxContent"
_APART = {_BOX, "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"}  # read by itself; said twice
_SKIPPED = {f"{W}{name}" for name in ("del", "moveFrom", "instrText", "txbxContent", "delText", "rt")}
_BREAKS = {f"{W}tab": " ", f"{W}br": " ", f"{W}cr": " ", f"{W}noBreakHyphen": "-"}
_TITLE_STYLES = {"title": 1, "subtitle": 2}


def parse(data: bytes) -> Parsed:
    """Parse a DOCX file; UnreadableError for a damaged one, or one that unpacks beyond all measure."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.infolist()) > MAX_ENTRIES:
                raise UnreadableError("The Word document holds too many parts to be one.")
            document = _xml(archive, _main_part(archive))
            styles = _xml(archive, "word/styles.xml", optional=True)
            numbering = _xml(archive, "word/numbering.xml", optional=True)
            notes = {kind: _notes(_xml(archive, f"word/{kind}s.xml", optional=True)) for kind in _CALLS.values()}
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, OSError, RuntimeError) as error:
        raise UnreadableError("The Word document is damaged, cut off or encrypted.") from error
    except etree.XMLSyntaxError as error:
        raise UnreadableError("The Word document is damaged: its XML cannot be read.") from error
    body = document.find(f"{W}body") if document is not None else None
    if body is None:
        raise UnreadableError("The Word document has no body.")
    reader = _Reader(_heading_styles(styles), read_numbering(numbering, styles), notes)
    reader.read(body)
    return Parsed(reader.blocks)


def _xml(archive: zipfile.ZipFile, name: str, *, optional: bool = False) -> Any:
    """Read one part with a bound on what it may unpack to, whatever its directory entry claims."""
    try:
        entry = archive.getinfo(name)
    except KeyError:
        if optional:
            return None
        raise
    with archive.open(entry) as part:
        data = part.read(MAX_PART_BYTES + 1)
    if len(data) > MAX_PART_BYTES or (len(data) > _MIN_SUSPECT and len(data) > MAX_RATIO * max(1, entry.compress_size)):
        raise UnreadableError("The Word document unpacks to far more than it should; it was not read.")
    data = data.replace(_STRICT, W[1:-1].encode())
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_pis=True)
    root = etree.fromstring(data, parser)
    if root.getroottree().docinfo.internalDTD is not None:  # Word writes none; one is there to declare entities
        raise UnreadableError("The Word document declares entities of its own, which no Word document does.")
    return root


def _main_part(archive: zipfile.ZipFile) -> str:
    """Return the name of the part with the text, which Word's web version calls `document2.xml` at times."""
    relations = _xml(archive, "_rels/.rels", optional=True)
    for relation in relations if relations is not None else ():
        if (relation.get("Type") or "").endswith(_OFFICE_DOCUMENT):
            return (relation.get("Target") or "").lstrip("/")
    return "word/document.xml"


def _notes(part: Any) -> dict[str, Any]:
    """Return foot- or endnotes by their ids; the lines that part them from the text have a type."""
    notes = part if part is not None else ()
    return {note.get(f"{W}id"): note for note in notes if note.get(f"{W}id") and note.get(f"{W}type") is None}


def _through(parent: Any, tag: str) -> Iterator[Any]:
    """Yield children of a kind, also those inside content controls and insertions."""
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in _WRAPPERS:
            yield from _through(child, tag)


def _between(inner: Any, outer: Any) -> set[Any]:
    """Return the tags of the elements that stand between two."""
    return {each.tag for each in takewhile(lambda each: each is not outer, inner.iterancestors())}


def _heading_styles(styles: Any) -> dict[str, int]:
    """Return style id → heading level, also for styles that inherit their outline level."""
    if styles is None:
        return {}
    levels: dict[str, int] = {}
    parents: dict[str, str] = {}
    for style in styles.iterfind(f"{W}style"):
        name_node = style.find(f"{W}name")
        identifier = style.get(f"{W}styleId") or ""
        name = (name_node.get(f"{W}val") or "").lower() if name_node is not None else ""
        outline = style.find(f"{W}pPr/{W}outlineLvl")
        if name.startswith("heading ") and name[8:].isdecimal():
            levels[identifier] = min(6, int(name[8:]))
        elif name in _TITLE_STYLES:
            levels[identifier] = _TITLE_STYLES[name]
        elif outline is not None and (value := outline.get(f"{W}val") or "").isdecimal() and int(value) < 6:
            levels[identifier] = int(value) + 1
        based = style.find(f"{W}basedOn")
        if based is not None:
            parents[identifier] = based.get(f"{W}val") or ""
    for identifier in parents:
        seen: set[str] = set()
        at = identifier
        while at not in levels and at in parents and at not in seen:
            seen.add(at)
            at = parents[at]
        if at in levels:
            levels.setdefault(identifier, levels[at])
    return levels


@dataclass(slots=True)
class _Reader:
    headings: dict[str, int]
    numbering: Numbering
    notes: dict[str, dict[str, Any]]
    blocks: list[Block] = field(default_factory=list)
    budget: TextBudget = field(default_factory=TextBudget)

    def read(self, parent: Any) -> None:
        """Read paragraphs and tables, also those inside content controls and insertions."""
        for element in parent:
            if element.tag == f"{W}p":
                self._paragraph(element)
            elif element.tag == f"{W}tbl":
                self._table(element)
            elif element.tag in _WRAPPERS:
                self.read(element)
                continue
            self._called(element)

    def _called(self, element: Any) -> None:
        """Add what a paragraph or table brings along, behind it: the notes that it calls and its text boxes."""
        for found in element.iter(*_CALLS, _BOX):
            if found.tag != _BOX:
                note = self.notes[_CALLS[found.tag]].pop(found.get(f"{W}id"), ())
                texts = [self._text(each) for each in note if each.tag == f"{W}p"]
                self.blocks.extend(Block("paragraph", text) for text in texts if text)
            elif not _APART & _between(found, element):
                self.read(found)

    def _paragraph(self, element: Any) -> None:
        text = self._text(element)
        if not text:
            return
        style = element.find(f"{W}pPr/{W}pStyle")
        style_id = style.get(f"{W}val") or "" if style is not None else ""
        label = self.numbering.label(element, style_id)
        numbered = f"{label} {text}" if label and label != "•" else text
        outline = element.find(f"{W}pPr/{W}outlineLvl")
        level = self.headings.get(style_id, 0)
        if outline is not None and (value := outline.get(f"{W}val") or "").isdecimal() and int(value) < 6:
            level = int(value) + 1
        if level:
            self.blocks.append(Block("heading", numbered, level=level))
        elif label and not label[0].isdecimal():
            self.blocks.append(Block("item", numbered, level=self.numbering.depth))
        else:
            self.blocks.append(Block("paragraph", numbered))

    def _table(self, element: Any) -> None:
        rows = [self._cells(each) for each in _through(element, f"{W}tr") if each.find(f"{W}trPr/{W}del") is None]
        rows = [cells for cells in rows if any(cells)]
        if not rows:
            return
        width = max(len(cells) for cells in rows)
        if width == 1:  # a frame around text, not a table
            self.blocks.extend(Block("paragraph", cells[0]) for cells in rows)
            return
        columns = rows[0] if len(rows) > 1 and len(rows[0]) == width and all(rows[0]) else ()
        if columns:
            self.blocks.append(header(columns))
        self.blocks.extend(row(cells, columns) for cells in (rows[1:] if columns else rows))

    def _cells(self, element: Any) -> tuple[str, ...]:
        cells: list[str] = []
        for cell in _through(element, f"{W}tc"):
            merge = cell.find(f"{W}tcPr/{W}vMerge")
            going_on = merge is not None and merge.get(f"{W}val") != "restart"
            paragraphs = [] if going_on else [each for each in cell.iter(f"{W}p") if not _APART & _between(each, cell)]
            text = squeeze(" ".join(self._text(each) for each in paragraphs))
            span = cell.find(f"{W}tcPr/{W}gridSpan")
            value = (span.get(f"{W}val") or "1") if span is not None else "1"
            cells.extend([text, *[""] * (min(int(value), 64) - 1 if value.isdecimal() else 0)])
        return tuple(cells)

    def _text(self, element: Any) -> str:
        return self.budget.spend(line_of("".join(_runs(element))))


def _runs(element: Any) -> Iterator[str]:
    for child in element:
        if child.tag == f"{W}t":
            yield child.text or ""
        elif child.tag in _BREAKS:
            yield _BREAKS[child.tag]
        elif isinstance(child.tag, str) and child.tag not in _SKIPPED and not _is_hidden(child):
            yield from _runs(child)


def _is_hidden(element: Any) -> bool:
    """Whether Word shows none of it."""
    mark = element.find(f"{W}rPr/{W}vanish") if element.tag == f"{W}r" else None
    return mark is not None and mark.get(f"{W}val") not in ("0", "false", "off")
