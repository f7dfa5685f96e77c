"""The text of a PDF page as segments: pieces of lines, with where they stand and how large.

PDFium gives a page's text fast and the boxes of single characters slowly, so that a line's rectangles are asked for
first and characters only where these show a gap: the cells of a table, or two columns that share a line.
"""

import ctypes
import itertools
import re
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from patchbay.products.plugs.engine.parsing.text import clean

GAP = 1.1  # in font sizes: wider than the spaces of a justified line, narrower than the gap between cells
_DENSE = 0.7  # a line that is wider than this per character (in font sizes) may hide a gap
_BODY = 10.0  # points, where PDFium does not know
_BOLD_MATTERS = 100  # characters: longer lines are neither headings nor cells
_HYPHEN = "\ufffe"  # PDFium's sign for a word broken at the end of a line
_ODD = re.compile(r"[^\x20-\x7e\u00a1-\u00ac\u00ae-\ud7ff\ue000-\ufaff\ufb13-\ufefe\U00010000-\U0010ffff]")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "\u00a0": " ", "\u00ad": ""})

Box = tuple[float, float, float, float]
"""Left, right, bottom, top in points."""


@dataclass(slots=True)
class Segment:
    """A piece of one line. Coordinates in points from the lower left; `broken`: its last word goes on below."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float
    bold: bool
    broken: bool = False

    @property
    def middle(self) -> float:
        return (self.bottom + self.top) / 2


class PageText:
    """The segments of one page; `textpage` is PDFium's handle, `text` what it says of the whole page."""

    def __init__(self, textpage: Any, text: str, characters: int) -> None:
        self._page = textpage
        self._text = text
        # Text and characters count differently where a page has characters without text or beyond UTF-16's plane.
        self._same_index = characters == len(text)
        self._box = tuple(ctypes.c_double() for _ in range(4))
        self._name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()

    def segments(self) -> list[Segment]:
        """Return the page's segments in the order of its content."""
        found: list[Segment] = []
        position = 0
        for line in self._text.split("\r\n"):
            start = position
            for piece in line.split(_HYPHEN):
                if piece.strip():
                    broken = start + len(piece) < position + len(line)
                    found.extend(self._line(piece, start, broken))
                start += len(piece) + 1
            position += len(line) + 2
        return found

    def _line(self, text: str, start: int, broken: bool) -> list[Segment]:
        lead = len(text) - len(text.lstrip())
        text, start = text.strip(), start + lead
        first, last = self._index(start), self._index(start + len(text) - 1)
        boxes = self._boxes(first, last - first + 1)
        if not boxes:
            return []
        size = pdfium.FPDFText_GetFontSize(self._page, first)
        bold = len(text) <= _BOLD_MATTERS and self._is_bold(first)
        if len(boxes) > 1:  # words in another font may open or end the line; both ends together tell what it is
            size = max(size, pdfium.FPDFText_GetFontSize(self._page, last))
            bold = bold and self._is_bold(last)
        size = size or _BODY
        if " " in text:
            groups = _grouped(boxes, size * GAP)
            if len(groups) > 1:
                return self._cut(text, start, groups, size, bold, broken)
            if boxes[-1][1] - boxes[0][0] > len(text) * size * _DENSE:
                return self._split(text, start, size, bold, broken)
        return [_segment(text, boxes, size, bold, broken)]

    def _boxes(self, first: int, count: int) -> list[Box]:
        """Return (left, right, bottom, top) of each run of characters."""
        left, top, right, bottom = self._box
        boxes = []
        for number in range(pdfium.FPDFText_CountRects(self._page, first, count)):
            pdfium.FPDFText_GetRect(self._page, number, left, top, right, bottom)
            boxes.append((left.value, right.value, bottom.value, top.value))
        return boxes

    def _cut(
        self, text: str, start: int, groups: list[list[Box]], size: float, bold: bool, broken: bool
    ) -> list[Segment]:
        """Cut a line at the gaps between its rectangles: a piece ends with the word before one."""
        pieces: list[Segment] = []
        begin = position = 0
        edges = [group[0][0] - 1.0 for group in groups[1:]]
        for word in text.split(" "):
            at = len(pieces)
            if word and position and at < len(edges) and self._character(start + position)[0] >= edges[at]:
                pieces.append(_segment(text[begin:position].strip(), groups[at], size, bold, False))
                begin = position
            position += len(word) + 1
        rest = [box for group in groups[len(pieces) :] for box in group]
        pieces.append(_segment(text[begin:].strip(), rest, size, bold, broken))
        return pieces

    def _split(self, text: str, start: int, size: float, bold: bool, broken: bool) -> list[Segment]:
        """Cut a line of one rectangle wherever the white between two words is wider than a space."""
        pieces: list[Segment] = []
        begin = 0
        previous: Box | None = None
        position = 0
        for word in text.split(" "):
            if not word:
                position += 1
                continue
            box = self._span(start + position, len(word))
            if previous and (box[0] - previous[1] > size * GAP or box[1] < previous[0]):
                pieces.append(self._piece(text[begin:position], start + begin, size, bold))
                begin = position
            previous = box
            position += len(word) + 1
        pieces.append(self._piece(text[begin:], start + begin, size, bold))
        pieces[-1].broken = broken
        return pieces

    def _piece(self, text: str, start: int, size: float, bold: bool) -> Segment:
        lead = len(text) - len(text.lstrip())
        text = text.strip()
        return _segment(text, [self._span(start + lead, len(text))], size, bold, False)

    def _span(self, start: int, length: int) -> Box:
        """Return the box around characters `start` to `start + length` from those of its ends."""
        a, b = self._character(start), self._character(start + length - 1)
        return a[0], b[1], min(a[2], b[2]), max(a[3], b[3])

    def _character(self, position: int) -> Box:
        left, top, right, bottom = self._box
        pdfium.FPDFText_GetCharBox(self._page, self._index(position), left, right, bottom, top)
        return left.value, right.value, bottom.value, top.value

    def _index(self, position: int) -> int:
        if self._same_index:
            return position
        return max(0, int(pdfium.FPDFText_GetCharIndexFromTextIndex(self._page, position)))

    def _is_bold(self, index: int) -> bool:
        if pdfium.FPDFText_GetFontWeight(self._page, index) >= 600:
            return True
        pdfium.FPDFText_GetFontInfo(self._page, index, self._name, 128, self._flags)
        return b"Bold" in self._name.value or b"Black" in self._name.value


def _tidy(text: str) -> str:
    """Take ligatures apart and drop what cannot be shown; most lines have nothing of the kind."""
    return clean(text).translate(_LIGATURES) if _ODD.search(text) else text


def _grouped(boxes: list[Box], gap: float) -> list[list[Box]]:
    """Part the rectangles of a line where the white between two is wider than `gap`."""
    groups = [[boxes[0]]]
    for before, box in itertools.pairwise(boxes):
        if box[0] - before[1] > gap:
            groups.append([box])
        else:
            groups[-1].append(box)
    return groups


def _segment(text: str, boxes: list[Box], size: float, bold: bool, broken: bool) -> Segment:
    if not text.isascii() or not text.isprintable():
        text = _tidy(text)
    if len(boxes) == 1:
        return Segment(text, *boxes[0], size, bold, broken)
    return Segment(
        text,
        min(box[0] for box in boxes),
        max(box[1] for box in boxes),
        min(box[2] for box in boxes),
        max(box[3] for box in boxes),
        size,
        bold,
        broken,
    )
