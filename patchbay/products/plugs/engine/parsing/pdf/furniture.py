"""What is printed on every page and says nothing: running headers, footers, page numbers."""

import re
from collections import Counter
from collections.abc import Sequence

from patchbay.products.plugs.engine.parsing.pdf.segments import LEFT, MIDDLE, Segment

_MARGIN = 0.12  # of the page's height, above and below
_BAND = 4.0  # points: lines of different pages this close stand at the same height
_FEW_PAGES = 4
_COUNTED_SHARE = 8  # of all pages, this part at least counts on at one height
_DIGITS_OF_A_PAGE = 4
_NEXT_LINE = 40.0  # points
_OUTERMOST = 3  # lines above and below that can be furniture
_DIGITS = re.compile(r"[0-9]+|\b[ivxlc]{1,6}\b")
_PAGE_NUMBER = re.compile(
    r"(?:page|p\.|seite)?\s*[-–—|]?\s*(?:[0-9]{1,4}|[ivxlc]{1,6})\s*(?:(?:of|/|von)\s*[0-9]{1,4})?\s*[-–—|]?",
    re.IGNORECASE,
)


def drop_furniture(pages: Sequence[list[Segment]], heights: Sequence[float]) -> list[list[Segment]]:
    """Return the pages without what repeats in their margins.

    That is the same line, but for numbers, at the same height; or another line each time that counts with the pages,
    as "4.6 The archive 23" does.
    """
    margins = [_margin_lines(segments, height) for segments, height in zip(pages, heights, strict=True)]
    needed = 2 if len(pages) <= _FEW_PAGES else 3
    seen = Counter(key for lines in margins for key in {_key(line) for line in lines})
    counted = Counter(place for at, lines in enumerate(margins) for place in set(_places(lines, at)))
    often = max(_FEW_PAGES, len(pages) // _COUNTED_SHARE)
    kept = [
        _without(
            segments,
            [
                line
                for line in lines
                if seen[_key(line)] >= needed
                or _is_page_number(line)
                or any(counted[place] >= often for place in _places([line], at))
            ],
        )
        for at, (segments, lines) in enumerate(zip(pages, margins, strict=True))
    ]
    return kept if any(kept) else list(pages)  # a stack of forms that say the same is no stack of empty pages


def _places(lines: Sequence[Sequence[Segment]], page: int) -> list[tuple[int, int]]:
    """Return height and distance to the page's own number for each line that opens or ends with a number."""
    places: list[tuple[int, int]] = []
    for line in lines:
        words = _words(line).split()
        ends = {word for word in (words[0], words[-1]) if word.isdecimal() and len(word) <= _DIGITS_OF_A_PAGE}
        # Letters below the line move its middle: one that stands between two bands belongs to both.
        places.extend((_band(line) + next_to, page - int(word)) for word in ends for next_to in (0, 1))
    return places


def _margin_lines(segments: Sequence[Segment], height: float) -> list[list[Segment]]:
    """Return the outermost lines of a page, each as its segments."""
    above = _lines([segment for segment in segments if segment.middle >= (1 - _MARGIN) * height])
    below = _lines([segment for segment in segments if segment.middle <= _MARGIN * height])
    outermost = above[:_OUTERMOST] + below[-_OUTERMOST:]
    return [line for line in outermost if len(line) == 1 or not _heads_table(line, segments)]


def _lines(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Group segments into lines, top to bottom."""
    lines: list[list[Segment]] = []
    for segment in sorted(segments, key=MIDDLE, reverse=True):
        if lines and lines[-1][0].middle - segment.middle < _BAND:
            lines[-1].append(segment)
        else:
            lines.append([segment])
    return lines


def _heads_table(line: Sequence[Segment], segments: Sequence[Segment]) -> bool:
    """Whether pieces stand under each piece of the line: the repeated header of a table is none of the page's."""
    near = _lines([segment for segment in segments if 0 < line[0].bottom - segment.middle < _NEXT_LINE])
    following = near[0] if near else []
    pairs = zip(sorted(line, key=LEFT), sorted(following, key=LEFT), strict=False)
    return len(line) == len(following) and all(a.left < b.right and b.left < a.right for a, b in pairs)


def _key(line: Sequence[Segment]) -> tuple[int, str]:
    return _band(line), _DIGITS.sub("#", _words(line).lower())


def _band(line: Sequence[Segment]) -> int:
    return round(line[0].middle / _BAND)


def _is_page_number(line: Sequence[Segment]) -> bool:
    return bool(_PAGE_NUMBER.fullmatch(_words(line)))


def _words(line: Sequence[Segment]) -> str:
    return " ".join(segment.text for segment in sorted(line, key=LEFT))


def _without(segments: list[Segment], dropped: Sequence[Sequence[Segment]]) -> list[Segment]:
    gone = {id(segment) for line in dropped for segment in line}
    return [segment for segment in segments if id(segment) not in gone] if gone else segments
