"""From segments to lines in reading order: columns one after the other, full-width lines between them."""

from collections.abc import Sequence
from dataclasses import dataclass

from patchbay.products.plugs.engine.parsing.blocks import NUMBERED
from patchbay.products.plugs.engine.parsing.pdf.segments import Segment

_STEP = 4.0
_MIN_LINES = 6
_MIN_CHARACTERS = 22  # shorter pieces are cells of a table, not lines of a column
_MAX_DEPTH = 2
BULLETS = frozenset("•●▪■◦○–—-‣·*")


@dataclass(slots=True)
class Line:
    """Segments of one baseline, left to right; `region` numbers the column they stand in."""

    parts: list[Segment]
    region: int

    @property
    def text(self) -> str:
        return " ".join(part.text for part in self.parts)

    @property
    def left(self) -> float:
        return self.parts[0].left

    @property
    def right(self) -> float:
        return max(part.right for part in self.parts)

    @property
    def middle(self) -> float:
        return self.parts[0].middle

    @property
    def size(self) -> float:
        return max(part.size for part in self.parts)

    @property
    def bold(self) -> bool:
        return all(part.bold for part in self.parts)

    @property
    def broken(self) -> bool:
        return self.parts[-1].broken


def order_lines(segments: Sequence[Segment]) -> list[Line]:
    """Return the page's lines in reading order."""
    lines: list[Line] = []
    for region, part in enumerate(_regions(list(segments), 0)):
        lines.extend(_lines(part, region))
    return lines


def _regions(segments: list[Segment], depth: int) -> list[list[Segment]]:
    """Cut a page into parts to be read one after the other."""
    gutter = _gutter(segments) if depth < _MAX_DEPTH else None
    if gutter is None:
        return [segments] if segments else []
    regions: list[list[Segment]] = []
    left: list[Segment] = []
    right: list[Segment] = []
    across: list[Segment] = []
    for segment in sorted(segments, key=lambda each: -each.middle):
        crosses = segment.left < gutter < segment.right
        if crosses and (left or right):
            regions += [*_regions(left, depth + 1), *_regions(right, depth + 1)]
            left, right = [], []
        if not crosses and across:
            regions.append(across)
            across = []
        (across if crosses else left if segment.right <= gutter else right).append(segment)
    return [*regions, *([across] if across else []), *_regions(left, depth + 1), *_regions(right, depth + 1)]


def _gutter(segments: list[Segment]) -> float | None:
    """Return the x of a white band between two columns of text, None on a page without columns."""
    if len(segments) < 2 * _MIN_LINES:
        return None
    low, high = min(each.left for each in segments), max(each.right for each in segments)
    best: tuple[int, float] | None = None
    x = low + 0.25 * (high - low)
    while x < low + 0.75 * (high - low):
        crossing = sum(each.left < x < each.right for each in segments)
        if best is None or crossing < best[0]:
            best = crossing, x
        x += _STEP
    if best is None or best[0] > 0.3 * len(segments):
        return None
    left = [each for each in segments if each.right <= best[1]]
    right = [each for each in segments if each.left >= best[1]]
    if not (_is_prose(left) and _is_prose(right)) or not _overlap(left, right):
        return None
    # The middle of the white band, so that a ragged line does not touch it.
    return (max(each.right for each in left) + min(each.left for each in right)) / 2


def _is_prose(segments: list[Segment]) -> bool:
    if len(segments) < _MIN_LINES:
        return False
    return sum(len(each.text) for each in segments) / len(segments) >= _MIN_CHARACTERS


def _overlap(left: list[Segment], right: list[Segment]) -> bool:
    low = max(min(each.bottom for each in side) for side in (left, right))
    high = min(max(each.top for each in side) for side in (left, right))
    return high - low > 40


def _lines(segments: list[Segment], region: int) -> list[Line]:
    """Group the segments of a region into lines, top to bottom."""
    lines: list[Line] = []
    for segment in sorted(segments, key=lambda each: -each.middle):
        last = lines[-1] if lines else None
        if last and last.middle - segment.middle < 0.4 * min(segment.size, last.parts[0].size):
            last.parts.append(segment)
        else:
            lines.append(Line([segment], region))
    for line in lines:
        if len(line.parts) > 1:
            line.parts.sort(key=lambda each: each.left)
            _join_marker(line)
    return lines


def _join_marker(line: Line) -> None:
    """A clause number or bullet in front of its text is no table cell."""
    first, second = line.parts[:2]
    text = first.text
    marker = text in BULLETS or (len(text) <= 9 and NUMBERED.fullmatch(text))
    if marker and second.left - first.right < 6 * first.size:
        first.text = f"{text} {second.text}"
        first.right, first.broken = second.right, second.broken
        first.bold = first.bold and second.bold
        del line.parts[1]
