"""A text without what typesetting and models change: case, white space, hyphens, quotation marks, mark-up.

Two texts are the same when their normal forms are; the offsets lead back to the characters as they stand.
"""

import unicodedata
from dataclasses import dataclass

_DROPPED = frozenset("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad\u200b\u200c\u200d\u2060\ufeff*_`|\\")
_FOLDED = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    "\u2026": "...",
}


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal form; `offsets[i]` is where in the original the i-th character comes from."""

    text: str
    offsets: tuple[int, ...]


def normalise(text: str) -> Normal:
    """Return the normal form of `text`."""
    letters: list[str] = []
    offsets: list[int] = []
    for offset, letter in enumerate(text):
        for piece in fold(letter):
            letters.append(piece)
            offsets.append(offset)
    return Normal("".join(letters), tuple(offsets))


def fold(letter: str) -> str:
    """Return what a character counts as: nothing, itself in lower case, or its plain spelling (ligatures)."""
    if letter.isspace() or letter in _DROPPED:
        return ""
    if letter.isascii():
        return letter.lower()
    if letter in _FOLDED:
        return _FOLDED[letter]
    plain = unicodedata.normalize("NFKC", letter).casefold()
    return "".join(_FOLDED.get(piece, piece) for piece in plain if not piece.isspace() and piece not in _DROPPED)
