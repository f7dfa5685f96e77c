"""Reads a model's text as it streams and lets through only what its quotes bear out.

A sentence waits until its sources are known. It leaves with the marks of its citations when a source is bound and the
quotes cover it; else it is withheld. Sources that follow no sentence are shown as quotes. `uncertain` and `declined`
are said in fixed words, so that they claim nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from patchbay.products.gateway.engine.contracts import Delta
from patchbay.products.plugs.engine.answering import support
from patchbay.products.plugs.engine.answering.bind import Binder, Pinned, Span, cite
from patchbay.products.plugs.engine.answering.protocol import Item, Opening, Parser, Prose, Source
from patchbay.products.plugs.engine.chunking.sentences import split_sentences
from patchbay.products.plugs.engine.contracts import Citation, Outcome, Verdict

DECLINED = "The documents do not answer this question."
UNCERTAIN = "I am not certain that the documents answer this. The nearest passages:"
MAX_NEAREST = 3
NEAREST_CHARACTERS = 600
MIN_SUPPORT = 0.4
"""Below this, a sentence and its quotes speak of different things."""
MIN_SUPPORT_UNSOURCED = 0.75
"""What a sentence needs that names no source itself, but whose neighbour does."""

_TAIL = re.compile(r"\s*[.,;:!?)\]”’\"']+(?=\s|$)")
_FRAME = re.compile(r":\s*$")
"""How an opening ends that says nothing itself, like `The documents say:`."""
Piece = Delta | Citation


@dataclass(slots=True)
class _Group:
    """Sentences and the sources that follow them."""

    prose: str = ""
    spans: list[Span] = field(default_factory=list)
    sources: int = 0


class VerifyingReader:
    """The reader of one answer to `question` over the passages of its prompt."""

    def __init__(self, question: str, passages: Sequence[Pinned]) -> None:
        self._parser = Parser()
        self._binder = Binder(passages)
        self._question = question
        self._outcome: Outcome = "answered"
        self._group = _Group()
        self._text: list[str] = []
        self._citations: dict[tuple[int, int, int], Citation] = {}
        self._kept: list[Span] = []
        self._measures: list[tuple[int, float]] = []
        self._withheld = 0
        self._verdict: Verdict | None = None

    def feed(self, text: str) -> Sequence[Piece]:
        """Take the next piece of the model's text; return what may be shown now."""
        return self._read(self._parser.feed(text))

    def finish(self) -> Sequence[Piece]:
        """Take the end of the model's text; return the rest of what may be shown."""
        pieces = self._read(self._parser.finish())
        pieces += self._close_group()
        if self._outcome == "answered" and not self._citations:
            self._outcome = "uncertain"
        if self._outcome != "answered":
            pieces += self._say_no()
        self._verdict = Verdict(
            self._outcome, "".join(self._text), tuple(self._citations.values()), self._support(), self._withheld
        )
        return pieces

    @property
    def verdict(self) -> Verdict:
        if self._verdict is None:
            raise RuntimeError("The answer has not ended.")
        return self._verdict

    def _read(self, items: Sequence[Item]) -> list[Piece]:
        pieces: list[Piece] = []
        for item in items:
            if isinstance(item, Opening):
                self._outcome = item.outcome or "answered"
            elif isinstance(item, Source):
                self._bind(item)
            elif self._group.sources:
                pieces += self._after_sources(item)
            else:
                self._group.prose += item.text
        return pieces

    def _bind(self, source: Source) -> None:
        self._group.sources += 1
        span = self._binder.bind(source.number, source.quote)
        if span is not None:
            self._group.spans.append(span)

    def _after_sources(self, prose: Prose) -> list[Piece]:
        """A full stop after its sources still ends the sentence; any other text begins the next."""
        text = prose.text
        tail = _TAIL.match(text)
        if tail:
            self._group.prose = self._group.prose.rstrip() + tail.group().strip()
            text = text[tail.end() :]
        if not text.strip():
            return []
        pieces = self._close_group()
        self._group.prose = text
        return pieces

    def _close_group(self) -> list[Piece]:
        group, self._group = self._group, _Group()
        if self._outcome != "answered":
            self._kept += group.spans
            return []
        sentences = [group.prose[start:end] for start, end in split_sentences(group.prose)]
        quotes = [span.quote for span in group.spans]
        said = _with_frames(sentences)
        if all(_FRAME.search(each) for each in said) and quotes:
            said = [" ".join([*said, *(f"“{shown(quote)}”" for quote in quotes)])]
        least = [MIN_SUPPORT_UNSOURCED] * (len(said) - 1) + [MIN_SUPPORT]
        kept = [sentence for sentence, bound in zip(said, least, strict=False) if self._bears(sentence, quotes, bound)]
        self._withheld += len(said) - len(kept)
        return self._give(" ".join(kept), group.spans) if kept else []

    def _bears(self, sentence: str, quotes: Sequence[str], least: float) -> bool:
        if not quotes or support.invents_number(sentence, quotes, self._question):
            return False
        covered = support.measure(sentence, quotes, self._question)
        if covered < least:
            return False
        self._measures.append((len(sentence.split()), covered))
        return True

    def _give(self, text: str, spans: Sequence[Span]) -> list[Piece]:
        fresh: list[Citation] = []
        marks: list[int] = []
        for span in spans:
            key = (span.passage.number, span.start, span.end)
            if key not in self._citations:
                self._citations[key] = cite(span, len(self._citations) + 1)
                fresh.append(self._citations[key])
            marks.append(self._citations[key].index)
        marked = text + " " + "".join(f"[{mark}]" for mark in dict.fromkeys(marks))
        return [self._delta(marked), *fresh]

    def _delta(self, text: str) -> Delta:
        piece = ("\n\n" if self._text else "") + text
        self._text.append(piece)
        return Delta(piece)

    def _say_no(self) -> list[Piece]:
        if self._outcome == "declined":
            return [self._delta(DECLINED)]
        spans = self._kept[:MAX_NEAREST] or self._binder.nearest(MAX_NEAREST, NEAREST_CHARACTERS)
        if not spans:
            self._outcome = "declined"
            return [self._delta(DECLINED)]
        pieces: list[Piece] = [self._delta(UNCERTAIN)]
        for span in spans:
            pieces += self._give(f"“{shown(span.quote)}”", [span])
        return pieces

    def _support(self) -> float | None:
        if self._outcome != "answered" or not self._measures:
            return None
        words = sum(count for count, _ in self._measures)
        return round(sum(count * covered for count, covered in self._measures) / words, 3)


def shown(quote: str) -> str:
    """Return a quote as prose shows it: the cells of a row apart, everything else on one line."""
    return " ".join(quote.replace("\t", " · ").split())


def _with_frames(sentences: Sequence[str]) -> list[str]:
    """Join an opening like `The documents say:` to the sentence it opens."""
    joined: list[str] = []
    frame = ""
    for sentence in sentences:
        if _FRAME.search(sentence):
            frame += sentence + " "
            continue
        joined.append(frame + sentence)
        frame = ""
    return [*joined, frame.strip()] if frame else joined
