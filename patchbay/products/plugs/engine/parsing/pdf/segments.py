"""The text of a PDF page as segments: pieces of lines, with where they stand and how large.

PDFium gives a page's text fast and the boxes of single characters slowly, so that a line's rectangles are asked for
first and characters only where these show a gap: the cells of a table, or two columns that share a line.
"""

import itertools
import re
from operator import attrgetter

import msgspec

from patchbay.products.plugs.engine.parsing.blocks import TIE
from patchbay.products.plugs.engine.parsing.pdf.fonts import Face
from patchbay.products.plugs.engine.parsing.pdf.probe import Box, Probe
from patchbay.products.plugs.engine.parsing.text import clean

GAP = 1.1  # in font sizes: wider than the spaces of a justified line, narrower than the gap between cells
_DENSE = 0.7  # a line that is wider than this per character (in font sizes) may hide a gap
_BODY = 10.0  # points, where PDFium does not know
_BOLD_MATTERS = 100  # characters: longer lines are neither headings nor cells
_HYPHEN = "\ufffe"  # PDFium's sign for a word broken at the end of a line
_SMALL = 0.85  # letters smaller than this, of those before, are a mark, an index or an exponent
_TOUCH = 0.5  # in font sizes: pieces this close are one line, though PDFium took the raised or lowered one for another
_LABEL = 1.2  # in font sizes: white between a footnote's mark and its text
_MARK_DIGITS = 3
_ENDS = ".!?…”\"')]"
_WORD = re.compile(r"\S+")
_MARK = re.compile(r"(?<=[.!?…”\"')\]]) (?=[0-9]{1,3}(?:\s|$))")
_ODD = re.compile(r"[^\x20-\x7e\u00a1-\u00ac\u00ae-\ud7ff\ue000-\ufaff\ufb13-\ufefe\U00010000-\U0010ffff]")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "\u00a0": " ", "\u00ad": ""})


class Segment(msgspec.Struct, eq=False, gc=False):
    """A piece of one line. Coordinates in points from the lower left; `broken`: its last word goes on below.

    `middle` is the height of its middle and follows from the others.
    """

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float
    bold: bool
    broken: bool = False
    mono: bool = False
    middle: float = 0.0

    def __post_init__(self) -> None:
        self.middle = (self.bottom + self.top) / 2


LEFT, MIDDLE = attrgetter("left"), attrgetter("middle")


class PageText:
    """The segments of one page; `text` is what PDFium says of the whole page, `characters` how many it counts."""

    def __init__(self, probe: Probe, text: str, characters: int) -> None:
        self._probe = probe
        self._text = text
        self._has_marks = _MARK.search(text) is not None
        # Text and characters count differently where a page has characters without text or beyond UTF-16's plane.
        self._same_index = characters == len(text)

    def segments(self) -> list[Segment]:
        """Return the page's segments in the order of its content."""
        found: list[Segment] = []
        position = 0
        for line in self._text.split("\r\n"):
            start = position
            for piece in line.split(_HYPHEN):
                if bare := piece.strip():
                    lead = len(piece) - len(piece.lstrip())
                    broken = start + len(piece) < position + len(line)
                    pieces = self._line(bare, start + lead, broken)
                    if found and pieces and _touch(found[-1], pieces[0]):
                        _glue(found[-1], pieces.pop(0))
                    found.extend(pieces)
                start += len(piece) + 1
            position += len(line) + 2
        return found

    def _line(self, text: str, start: int, broken: bool) -> list[Segment]:
        first, last = self._index(start), self._index(start + len(text) - 1)
        boxes = self._probe.boxes(first, last - first + 1)
        if not boxes:
            return []
        face = self._face(text, start, first, last if len(boxes) > 1 else first)
        if " " in text:
            if self._has_marks:
                text = self._tie_marks(text, start, face.size)
            if len(boxes) > 1 and len(groups := _grouped(boxes, face.size * GAP)) > 1:
                return self._cut(text, start, groups, face, broken)
            if boxes[-1][1] - boxes[0][0] > len(text) * face.size * _DENSE:
                return self._split(text, start, face, broken)
        return [_segment(text, boxes, face, broken)]

    def _face(self, text: str, start: int, first: int, last: int) -> Face:
        """Return how a line is set: words in another font may open or end it; both ends together tell what it is."""
        size = self._probe.size(first)
        bold, mono = self._probe.look(first)
        if last != first:
            size = max(size, self._probe.size(last))
            bold_end, mono_end = self._probe.look(last)
            bold = bold and bold_end
            mono = mono and mono_end and self._is_mono(text, start)
        return Face(size or _BODY, bold and len(text) <= _BOLD_MATTERS, mono)

    def _is_mono(self, text: str, start: int) -> bool:
        """Whether every word is: a sentence may open and end with a name in a typewriter's letters."""
        return all(self._probe.look(self._index(start + word.start()))[1] for word in _WORD.finditer(text))

    def _tie_marks(self, text: str, start: int, size: float) -> str:
        """Tie a footnote's mark to the sentence before it, so that it does not open the next one."""
        for found in _MARK.finditer(text):
            at = found.start()
            if self._probe.size(self._index(start + at + 1)) < _SMALL * size:
                text = text[:at] + TIE + text[at + 1 :]
        return text

    def _cut(self, text: str, start: int, groups: list[list[Box]], face: Face, broken: bool) -> list[Segment]:
        """Cut a line at the gaps between its rectangles: a piece ends with the word before one."""
        pieces: list[Segment] = []
        begin = position = at = 0
        edge = groups[1][0][0] - 1.0
        for word in text.split(" "):
            if word and position and self._character(start + position)[0] >= edge:
                pieces.append(_segment(text[begin:position].strip(), groups[at], face, False))
                begin = position
                at += 1
                if at + 1 == len(groups):
                    break
                edge = groups[at + 1][0][0] - 1.0
            position += len(word) + 1
        rest = [box for group in groups[len(pieces) :] for box in group]
        pieces.append(_segment(text[begin:].strip(), rest, face, broken))
        return pieces

    def _split(self, text: str, start: int, face: Face, broken: bool) -> list[Segment]:
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
            if previous and (box[0] - previous[1] > face.size * GAP or box[1] < previous[0]):
                pieces.append(self._piece(text[begin:position], start + begin, face))
                begin = position
            previous = box
            position += len(word) + 1
        pieces.append(self._piece(text[begin:], start + begin, face))
        pieces[-1].broken = broken
        return pieces

    def _piece(self, text: str, start: int, face: Face) -> Segment:
        lead = len(text) - len(text.lstrip())
        text = text.strip()
        return _segment(text, [self._span(start + lead, len(text))], face, False)

    def _span(self, start: int, length: int) -> Box:
        """Return the box around characters `start` to `start + length` from those of its ends."""
        a, b = self._character(start), self._character(start + length - 1)
        return a[0], b[1], min(a[2], b[2]), max(a[3], b[3])

    def _character(self, position: int) -> Box:
        return self._probe.box(self._index(position))

    def _index(self, position: int) -> int:
        return position if self._same_index else self._probe.index(position)


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


def _touch(before: Segment, after: Segment) -> bool:
    """Whether a piece goes on right after another at its height: an exponent, a footnote's mark, or what follows it."""
    gap = after.left - before.right
    if gap <= -1.0 or before.broken:  # as the next line does
        return False
    label = after.size > before.size and before.text.isdecimal() and len(before.text) <= _MARK_DIGITS
    reach = (_LABEL if label else _TOUCH) * max(before.size, after.size)
    common = min(before.top, after.top) - max(before.bottom, after.bottom)
    return gap < reach and common > 0


def _glue(before: Segment, after: Segment) -> None:
    """Put a piece to the one before it; the larger letters say where the line stands."""
    raised = after.size < _SMALL * before.size and after.text.isdecimal() and len(after.text) <= _MARK_DIGITS
    before.text += (TIE if raised and before.text[-1] in _ENDS else " ") + after.text
    before.right, before.broken = after.right, after.broken
    before.bold, before.mono = before.bold and after.bold, before.mono and after.mono
    if after.size > before.size:
        before.bottom, before.top, before.middle, before.size = after.bottom, after.top, after.middle, after.size


def _segment(text: str, boxes: list[Box], face: Face, broken: bool) -> Segment:
    if not text.isascii() or not text.isprintable():
        text = _tidy(text)
    if len(boxes) == 1:
        return Segment(text, *boxes[0], face.size, face.bold, broken, face.mono)
    return Segment(
        text,
        min(box[0] for box in boxes),
        max(box[1] for box in boxes),
        min(box[2] for box in boxes),
        max(box[3] for box in boxes),
        face.size,
        face.bold,
        broken,
        face.mono,
    )
