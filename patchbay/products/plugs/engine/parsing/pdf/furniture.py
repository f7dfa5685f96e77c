"""What is printed on every page and says nothing: running headers, footers, page numbers."""

import re
from collections import Counter
from collections.abc import Sequence

from patchbay.products.plugs.engine.parsing.pdf.segments import Segment

_MARGIN = 0.12  # of the page's height, above and below
_BAND = 4.0  # points: lines of different pages this close stand at the same height
_MIN_PAGES = 3
_DIGITS = re.compile(r"[0-9]+|\b[ivxlc]{1,6}\b")
_PAGE_NUMBER = re.compile(
    r"(?:page|p\.|seite)?\s*[-–—|]?\s*(?:[0-9]{1,4}|[ivxlc]{1,6})\s*(?:(?:of|/|von)\s*[0-9]{1,4})?\s*[-–—|]?",
    re.IGNORECASE,
)


def drop_furniture(pages: Sequence[list[Segment]], heights: Sequence[float]) -> list[list[Segment]]:
    """Return the pages without what repeats in their margins: the same words, but for numbers, at the same height."""
    keys = [[_key(segment, height) for segment in segments] for segments, height in zip(pages, heights, strict=True)]
    seen = Counter(key for page in keys for key in {key for key in page if key})
    return [
        [
            segment
            for segment, key in zip(segments, page_keys, strict=True)
            if not key or (seen[key] < _MIN_PAGES and not _PAGE_NUMBER.fullmatch(segment.text.strip()))
        ]
        for segments, page_keys in zip(pages, keys, strict=True)
    ]


def _key(segment: Segment, height: float) -> tuple[int, str] | None:
    middle = segment.middle
    if _MARGIN * height < middle < (1 - _MARGIN) * height:
        return None
    return round(middle / _BAND), _DIGITS.sub("#", segment.text.lower())
