"""From segments to lines in reading order: columns one after the other, full-width lines between them."""

from collections.abc import Sequence
from itertools import accumulate

from patchbay.products.plugs.engine.parsing.blocks import NUMBERED
from patchbay.products.plugs.engine.parsing.pdf.segments import LEFT, MIDDLE, Segment

_STEP = 4.0
_MIN_LINES = 6
_MIN_CHARACTERS = 22  # shorter pieces are cells of a table, not lines of a column
_MAX_DEPTH = 2
BULLETS = frozenset("•●▪■◦○–—-‣·*")


class Line:
    """Segments of one baseline, left to right; `region` numbers the column they stand in.

    `size` is that of its largest letters; `broken`: its last word goes on in the next line.
    """

    __slots__ = ("bold", "broken", "left", "middle", "mono", "parts", "region", "right", "size", "text")

    def __init__(self, parts: list[Segment], region: int) -> None:
        first = parts[0]
        self.parts = parts
        self.region = region
        self.left = first.left
        self.broken = parts[-1].broken
        if len(parts) == 1:
            self.text, self.right, self.size, self.bold = first.text, first.right, first.size, first.bold
            self.middle, self.mono = first.middle, first.mono
        else:
            self.text = " ".join(part.text for part in parts)
            self.right = max([part.right for part in parts])
            self.size = max([part.size for part in parts])
            self.bold = all(part.bold for part in parts)
            self.mono = all(part.mono for part in parts)
            self.middle = max(parts, key=_tall).middle  # a dash or a full stop does not tell where its line stands


def _tall(part: Segment) -> float:
    return part.top - part.bottom


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
    for segment in sorted(segments, key=MIDDLE, reverse=True):
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
    crossings = _crossings(segments, low, high)
    inner = range(len(crossings) // 4, max(len(crossings) * 3 // 4, 1))
    at = min(inner, key=crossings.__getitem__, default=0)
    best = crossings[at], low + at * _STEP
    if best[0] > 0.3 * len(segments):
        return None
    left = [each for each in segments if each.right <= best[1]]
    right = [each for each in segments if each.left >= best[1]]
    if not (_is_prose(left) and _is_prose(right)) or not _overlap(left, right):
        return None
    # The middle of the white band, so that a ragged line does not touch it.
    return (max(each.right for each in left) + min(each.left for each in right)) / 2


def _crossings(segments: list[Segment], low: float, high: float) -> list[int]:
    """Return for each step from `low` to `high` how many segments stand across it."""
    changes = [0] * (int((high - low) / _STEP) + 3)
    for segment in segments:
        changes[int((segment.left - low) / _STEP) + 1] += 1
        changes[int((segment.right - low) / _STEP) + 1] -= 1
    return list(accumulate(changes))[:-2]


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
    groups: list[list[Segment]] = []
    for segment in sorted(segments, key=MIDDLE, reverse=True):
        first = groups[-1][0] if groups else None
        if first and first.middle - segment.middle < 0.4 * min(segment.size, first.size):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    for group in groups:
        if len(group) > 1:
            group.sort(key=LEFT)
            _join_marker(group)
    return [Line(group, region) for group in groups]


def _join_marker(parts: list[Segment]) -> None:
    """A clause number or bullet in front of its text is no table cell."""
    first, second = parts[:2]
    text = first.text
    marker = text in BULLETS or (len(text) <= 9 and NUMBERED.fullmatch(text))
    if marker and second.left - first.right < 6 * first.size:
        first.text = f"{text} {second.text}"
        first.right, first.broken = second.right, second.broken
        first.bold = first.bold and second.bold
        del parts[1]
