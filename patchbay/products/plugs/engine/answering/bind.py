"""From what a model claims to quote to a span of the stored text, or to nothing.

Whatever a model writes, the quote that leaves is the stored text's own slice, compared once more before it goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from patchbay.products.plugs.engine.answering.normal import normalise
from patchbay.products.plugs.engine.chunking.compose import page_at
from patchbay.products.plugs.engine.contracts import Citation


@dataclass(frozen=True, slots=True)
class Pinned:
    """A passage of the prompt as a document's version stores it: `text` begins at code point `start` of that text."""

    number: int
    document_id: str
    document_version: int
    title: str
    section: str | None
    start: int
    text: str
    page_starts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A verified quote: where it stands in a passage."""

    passage: Pinned
    start: int
    end: int

    @property
    def quote(self) -> str:
        return self.passage.text[self.start : self.end]


class Binder:
    """Binds quotes to the passages of one prompt."""

    def __init__(self, passages: Sequence[Pinned]) -> None:
        self._passages = {passage.number: passage for passage in passages}

    def bind(self, number: int, quote: str) -> Span | None:
        """Return where the quote stands: in the passage it names, else in another of the prompt; None if nowhere.

        It must stand there as whole words, in one passage, one run.
        """
        wanted = normalise(quote).text.strip("\"'")
        if not any(letter.isalnum() for letter in wanted):
            return None
        for passage in sorted(self._passages.values(), key=lambda each: each.number != number):
            span = _find(passage, wanted)
            if span is not None:
                return span
        return None

    def nearest(self, count: int, characters: int) -> list[Span]:
        """Return the prompt's first passages, each from its beginning up to a word's end."""
        spans = []
        for passage in list(self._passages.values())[:count]:
            end = min(len(passage.text), characters)
            while 0 < end < len(passage.text) and not passage.text[end].isspace():
                end -= 1
            span = Span(passage, 0, end or min(len(passage.text), characters))
            if span.quote.strip():
                spans.append(span)
        return spans


def cite(span: Span, index: int) -> Citation:
    """Return the citation of a span; its page is that of the quote's first character."""
    passage = span.passage
    start = passage.start + span.start
    return Citation(
        index=index,
        document_id=passage.document_id,
        document_version=passage.document_version,
        title=passage.title,
        page=page_at(passage.page_starts, start),
        section=passage.section,
        quote=span.quote,
        start=start,
        end=start + len(span.quote),
    )


def _find(passage: Pinned, wanted: str) -> Span | None:
    normal = normalise(passage.text)
    at = normal.text.find(wanted)
    while at >= 0:
        start, end = normal.offsets[at], normal.offsets[at + len(wanted) - 1] + 1
        if _at_words(passage.text, start, end) and normalise(passage.text[start:end]).text == wanted:
            return Span(passage, start, end)
        at = normal.text.find(wanted, at + 1)
    return None


def _at_words(text: str, start: int, end: int) -> bool:
    """Say whether no word or number is cut: `5` does not stand in `15`, nor in `5.2`."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return not (_joins(before[::-1], text[start]) or _joins(after, text[end - 1]))


def _joins(outside: str, inside: str) -> bool:
    if not outside or not inside.isalnum():
        return False
    if outside[0].isalnum():
        return True
    return inside.isdigit() and outside[0] in ".," and outside[1:].isdigit()
