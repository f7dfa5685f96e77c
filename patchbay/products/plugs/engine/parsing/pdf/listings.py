"""Listings: lines in a typewriter's letters that are set apart from the prose, each kept as a line of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from patchbay.products.plugs.engine.parsing.pdf.layout import Line

_FURTHER = 2.6  # of the usual distance of two lines: an empty line may stand inside a listing
_NEAR = 1.3
_LARGE = 1.12  # of the usual letters: larger ones are a heading's
_ALIGNED = 1.5  # points
_LONGEST_INDENT = 60  # characters


@dataclass(frozen=True, slots=True)
class Listings:
    """Finds the listings of one document. `monospaced`: it is set in typewriter's letters throughout, so has none."""

    monospaced: bool
    pitch: float
    body: float

    def end(self, lines: Sequence[Line], position: int, inside: Line | None) -> int:
        """Return where the listing ends that starts at a line in typewriter's letters; `position` when none does.

        `inside` is the line before in a paragraph that could go on here.
        """
        first = lines[position]
        if self.monospaced or first.size >= _LARGE * self.body:
            return position
        if inside and abs(inside.left - first.left) < _ALIGNED:
            return position  # a name, in its paragraph, that fills a line
        end = position + 1
        while end < len(lines) and self._goes_on(lines[end - 1], lines[end]):
            end += 1
        return position if end < len(lines) and self._opens(lines[end - 1], lines[end]) else end

    def _goes_on(self, above: Line, line: Line) -> bool:
        same = line.mono and line.region == above.region and abs(line.size - above.size) < 0.2 * above.size
        return same and 0 < above.middle - line.middle < _FURTHER * self.pitch

    def _opens(self, line: Line, below: Line) -> bool:
        """Whether a line is the first of a paragraph that only opens with a name."""
        near = line.region == below.region and line.middle - below.middle < _NEAR * self.pitch
        return near and abs(line.left - below.left) < _ALIGNED and below.text[:1].islower() and not below.mono


def set_out(lines: Sequence[Line]) -> str:
    """Return a listing's text: its lines, and white space where the page has it."""
    left = min(line.left for line in lines)
    letters = sum(len(part.text) for line in lines for part in line.parts)
    width = sum(part.right - part.left for line in lines for part in line.parts) / max(1, letters)
    return "\n".join(_set_out(line, left, width) for line in lines)


def _set_out(line: Line, left: float, width: float) -> str:
    text = ""
    for part in line.parts:
        column = min(round((part.left - left) / width), len(text) + _LONGEST_INDENT) if width > 0 else 0
        text += " " * max(column - len(text), 1 if text else 0) + part.text
    return text
