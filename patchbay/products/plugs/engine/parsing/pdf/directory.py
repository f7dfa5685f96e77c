"""Tables of contents and indexes: lines that say where something stands, and that nobody quotes."""

import re
from collections.abc import Sequence

from patchbay.products.plugs.engine.parsing.pdf.layout import Line

_LEADERS = re.compile(r"(?:\.\s?){4,}\s*(?:[0-9]{1,4}|[ivxlc]{1,6})?$")
_ENDS_WITH_PAGE = re.compile(r"\S\s+(?:[0-9]{1,4}|[ivxlc]{1,6})$")
_PAGES = r"(?:[0-9]{1,4}|[ivxlc]{1,6})(?:[–-][0-9]{1,4})?"
_TERM = re.compile(rf"[^.;:?!]*?\S(?:,\s{_PAGES}(?:,\s{_PAGES})*|\s{_PAGES}(?:,\s{_PAGES})+),?")
_PAGE_ENDS = frozenset("0123456789ivxlc")
_CONTENTS = 3  # entries with leaders make a page one of contents; there chapters stand without any
_INDEX = 10  # terms make a page one of an index
_INDEX_SHARE = 0.4  # of its pieces; the others are headwords and terms that take two lines
_CONTENTS_SHARE = 0.5  # of the lines between the first entry and the last; the others are titles that take two lines


def directory_lines(lines: Sequence[Line]) -> set[int]:
    """Return the positions of the lines of a page that belong to a table of contents or an index."""
    entries = [at for at, line in enumerate(lines) if _is_entry(line)]
    if len(entries) < _CONTENTS:
        return set(entries) | _index_lines(lines)
    found = set(entries) | {at for at, line in enumerate(lines) if _ENDS_WITH_PAGE.search(line.text)}
    if len(entries) >= _CONTENTS_SHARE * (entries[-1] - entries[0] + 1):
        found.update(range(entries[0], entries[-1] + 1))
        found.update(at for at, line in enumerate(lines) if _is_pages(line))
    return found


def _index_lines(lines: Sequence[Line]) -> set[int]:
    terms = [at for at, line in enumerate(lines) for part in line.parts if _is_term(part.text)]
    if len(terms) < _INDEX or len(terms) < _INDEX_SHARE * sum(len(line.parts) for line in lines):
        return set()
    return set(range(terms[0], terms[-1] + 1))


def _is_entry(line: Line) -> bool:
    """Whether dots lead from words to a page, or to the line's end."""
    return line.text.count(".") > 3 and any(_LEADERS.search(text) for text in (line.text, *_texts(line)))


def _is_term(text: str) -> bool:
    """Whether a piece names pages; its last letter, which is soon looked at, tells most that do not."""
    return text.rstrip(",")[-1:] in _PAGE_ENDS and _TERM.fullmatch(text) is not None


def _is_pages(line: Line) -> bool:
    return all(word.isdecimal() for word in line.text.split())


def _texts(line: Line) -> list[str]:
    return [part.text for part in line.parts]
