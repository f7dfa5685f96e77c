"""What every model writes, parsed as it streams.

The first line is `answered`, `uncertain` or `declined`. Then come sentences, each followed by its sources
`[[n|exact quote]]`, n being the number of a passage of the prompt; a source alone stands for its quote. Any text
parses: what is malformed is dropped, never shown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from patchbay.products.plugs.engine.contracts import Outcome

MAX_SOURCE_CHARACTERS = 6_000
MAX_OPENING_CHARACTERS = 120
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

_OPENING = re.compile(r"\W*(?:outcome\W+)?(answered|uncertain|declined)\W*", re.IGNORECASE)
_SOURCE = re.compile(r"\s*(\d{1,4})\s*\|(.*)", re.DOTALL)
_CLOSING = re.compile(r"\]\]+")


@dataclass(frozen=True, slots=True)
class Opening:
    """The model's verdict; None when its first line is none of the three words."""

    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Prose:
    """A piece of what the model says."""

    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """What the model claims to quote, and from which passage."""

    number: int
    quote: str


Item = Opening | Prose | Source


def escape(text: str) -> str:
    """Return text in which nothing reads as a source; binding looks past the spaces that this puts in."""
    while "[[" in text or "]]" in text:
        text = text.replace("[[", "[ [").replace("]]", "] ]")
    return text


class Parser:
    """Turns a model's text, piece by piece, into items; the pieces may be cut anywhere."""

    def __init__(self) -> None:
        self._held = ""
        self._opened = False
        self._in_source = False

    def feed(self, text: str) -> list[Item]:
        """Return the items that are complete now."""
        self._held += text
        return list(self._items(ended=False))

    def finish(self) -> list[Item]:
        """Return the rest; a source that was never closed is dropped."""
        items = list(self._items(ended=True))
        if self._held and not self._in_source:
            items.append(Prose(self._held))
        self._held = ""
        return items

    def _items(self, *, ended: bool) -> Iterator[Item]:
        if not self._opened:
            opening = self._open(ended=ended)
            if opening is None:
                return
            yield opening
        while True:
            item = self._source(ended=ended) if self._in_source else self._prose()
            if item is None:
                return
            if not isinstance(item, Prose) or item.text:
                yield item

    def _open(self, *, ended: bool) -> Opening | None:
        self._held = self._held.lstrip()
        line, end, rest = self._held.partition("\n")
        if not end and not ended and len(line) <= MAX_OPENING_CHARACTERS:
            return None
        self._opened = True
        match = _OPENING.fullmatch(line)
        if match is None:
            return Opening(None)
        self._held = rest
        word = match.group(1).lower()
        return Opening(next(outcome for outcome in OUTCOMES if outcome == word))

    def _prose(self) -> Prose | None:
        before, mark, after = self._held.partition("[[")
        if mark:
            self._held, self._in_source = after, True
            return Prose(before)
        keep = 1 if self._held.endswith("[") else 0
        text = self._held[: len(self._held) - keep]
        self._held = self._held[len(text) :]
        return Prose(text) if text else None

    def _source(self, *, ended: bool) -> Item | None:
        match = _CLOSING.search(self._held)
        if match is None or (match.end() == len(self._held) and not ended):
            if len(self._held) > MAX_SOURCE_CHARACTERS:  # it will not end: what it swallowed is not shown
                self._held, self._in_source = "", False
            return None
        body, self._held, self._in_source = self._held[: match.end() - 2], self._held[match.end() :], False
        found = _SOURCE.fullmatch(body.rpartition("[[")[2])
        return Source(int(found.group(1)), found.group(2)) if found else Prose("")
