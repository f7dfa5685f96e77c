"""What is printed on every page and says nothing: running headers, footers, page numbers."""

import re
from collections import Counter
from collections.abc import Sequence

from patchbay.products.plugs.engine.parsing.pdf.segments import Segment

_MARGIN = 0.12  # of the page's height, above and below
_BAND = 4.0  # points: lines of different pages this close stand at the same height
_MIN_PAGES = 3
_OUTERMOST = 3  # lines above and below that can be furniture
_DIGITS = re.compile(r"[0-9]+|\b[ivxlc]{1,6}\b")
_PAGE_NUMBER = re.compile(
    r"(?:page|p\.|seite)?\s*[-–—|]?\s*(?:[0-9]{1,4}|[ivxlc]{1,6})\s*(?:(?:of|/|von)\s*[0-9]{1,4})?\s*[-–—|]?",
    re.IGNORECASE,
)


def drop_furniture(pages: Sequence[list[Segment]], heights: Sequence[float]) -> list[list[Segment]]:
    """Return the pages without what repeats in their margins: the same line, but for numbers, at the same height."""
    margins = [_margin_lines(segments, height) for segments, height in zip(pages, heights, strict=True)]
    seen = Counter(key for lines in margins for key in {_key(line) for line in lines})
    return [
        _without(segments, [line for line in lines if seen[_key(line)] >= _MIN_PAGES or _is_page_number(line)])
        for segments, lines in zip(pages, margins, strict=True)
    ]


def _margin_lines(segments: Sequence[Segment], height: float) -> list[list[Segment]]:
    """Return the outermost lines of a page, each as its segments."""
    lines: dict[int, list[Segment]] = {}
    for segment in segments:
        if not _MARGIN * height < segment.middle < (1 - _MARGIN) * height:
            lines.setdefault(round(segment.middle / _BAND), []).append(segment)
    bands = sorted(lines)
    above = [band for band in bands if band * _BAND > height / 2]
    below = [band for band in bands if band * _BAND <= height / 2]
    return [lines[band] for band in (*below[:_OUTERMOST], *above[-_OUTERMOST:])]


def _key(line: Sequence[Segment]) -> tuple[int, str]:
    return round(line[0].middle / _BAND), _DIGITS.sub("#", _words(line).lower())


def _is_page_number(line: Sequence[Segment]) -> bool:
    return bool(_PAGE_NUMBER.fullmatch(_words(line)))


def _words(line: Sequence[Segment]) -> str:
    return " ".join(segment.text for segment in sorted(line, key=lambda each: each.left))


def _without(segments: list[Segment], dropped: Sequence[Sequence[Segment]]) -> list[Segment]:
    gone = {id(segment) for line in dropped for segment in line}
    return [segment for segment in segments if id(segment) not in gone] if gone else segments
