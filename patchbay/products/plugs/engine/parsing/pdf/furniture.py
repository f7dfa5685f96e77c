"""What is printed on every page and says nothing: running headers, footers, page numbers."""

import re
from collections import Counter
from collections.abc import Sequence

from patchbay.products.plugs.engine.parsing.pdf.segments import Segment

_MARGIN = 0.12  # of the page's height, above and below
_BAND = 4.0  # points: lines of different pages this close stand at the same height
_FEW_PAGES = 4
_NEXT_LINE = 40.0  # points
_OUTERMOST = 3  # lines above and below that can be furniture
_DIGITS = re.compile(r"[0-9]+|\b[ivxlc]{1,6}\b")
_PAGE_NUMBER = re.compile(
    r"(?:page|p\.|seite)?\s*[-–—|]?\s*(?:[0-9]{1,4}|[ivxlc]{1,6})\s*(?:(?:of|/|von)\s*[0-9]{1,4})?\s*[-–—|]?",
    re.IGNORECASE,
)


def drop_furniture(pages: Sequence[list[Segment]], heights: Sequence[float]) -> list[list[Segment]]:
    """Return the pages without what repeats in their margins: the same line, but for numbers, at the same height."""
    margins = [_margin_lines(segments, height) for segments, height in zip(pages, heights, strict=True)]
    needed = 2 if len(pages) <= _FEW_PAGES else 3
    seen = Counter(key for lines in margins for key in {_key(line) for line in lines})
    return [
        _without(segments, [line for line in lines if seen[_key(line)] >= needed or _is_page_number(line)])
        for segments, lines in zip(pages, margins, strict=True)
    ]


def _margin_lines(segments: Sequence[Segment], height: float) -> list[list[Segment]]:
    """Return the outermost lines of a page, each as its segments."""
    above = _lines([segment for segment in segments if segment.middle >= (1 - _MARGIN) * height])
    below = _lines([segment for segment in segments if segment.middle <= _MARGIN * height])
    outermost = above[:_OUTERMOST] + below[-_OUTERMOST:]
    return [line for line in outermost if len(line) == 1 or not _heads_table(line, segments)]


def _lines(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Group segments into lines, top to bottom."""
    lines: list[list[Segment]] = []
    for segment in sorted(segments, key=_height):
        if lines and lines[-1][0].middle - segment.middle < _BAND:
            lines[-1].append(segment)
        else:
            lines.append([segment])
    return lines


def _heads_table(line: Sequence[Segment], segments: Sequence[Segment]) -> bool:
    """Whether pieces stand under each piece of the line: the repeated header of a table is none of the page's."""
    near = _lines([segment for segment in segments if 0 < line[0].bottom - segment.middle < _NEXT_LINE])
    following = near[0] if near else []
    pairs = zip(sorted(line, key=_left), sorted(following, key=_left), strict=False)
    return len(line) == len(following) and all(a.left < b.right and b.left < a.right for a, b in pairs)


def _height(segment: Segment) -> float:
    return -segment.middle


def _left(segment: Segment) -> float:
    return segment.left


def _key(line: Sequence[Segment]) -> tuple[int, str]:
    return round(line[0].middle / _BAND), _DIGITS.sub("#", _words(line).lower())


def _is_page_number(line: Sequence[Segment]) -> bool:
    return bool(_PAGE_NUMBER.fullmatch(_words(line)))


def _words(line: Sequence[Segment]) -> str:
    return " ".join(segment.text for segment in sorted(line, key=_left))


def _without(segments: list[Segment], dropped: Sequence[Sequence[Segment]]) -> list[Segment]:
    gone = {id(segment) for line in dropped for segment in line}
    return [segment for segment in segments if id(segment) not in gone] if gone else segments
