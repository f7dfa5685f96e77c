"""Text to index terms: words without case, accents and endings; identifiers and numbers whole and in parts.

A term is a 64-bit hash of its text: keys stay narrow and equal on every database, whatever its collation.
"""

import re
import unicodedata
from hashlib import blake2b
from itertools import chain

from patchbay.kernel.search.engine.porter import stem
from patchbay.lib.words import IRREGULAR

MAX_QUERY_CHARACTERS = 4_000
MAX_QUERY_TERMS = 32
MAX_TERM_CHARACTERS = 64
CACHE_WORDS = 50_000  # words, as written, that this process has stemmed and hashed; about 10 MB when full
CACHE_CHARACTERS = 40  # longer ones are links, or a script without spaces: seldom seen twice

_WORD = re.compile(r"[^\W_]+(?:[.,:/'’\-][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")
# Scripts that are written without spaces: a run of them is indexed by pairs of characters.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]+")
_STOP = """
    a an and are as at be been being but by did do does for from had has have he her his how i if in into is it its
    me my of on or our s she so such t than that the their them then there these they this those to was we were what
    when where which who whom whose why with you your
"""
STOP_WORDS = frozenset(_STOP.split())


class _Terms(dict[str, tuple[int, ...]]):
    """Remembers the terms of what stood between white space; emptied when full: the common words come back at once."""

    def __missing__(self, piece: str) -> tuple[int, ...]:
        found = tuple(term_of(text) for word in _WORD.findall(_fold(piece)) for text in _spellings(word))
        if len(piece) <= CACHE_CHARACTERS:
            if len(self) >= CACHE_WORDS:
                self.clear()
            self[piece] = found
        return found


_terms = _Terms()


def term_of(text: str) -> int:
    """Return the signed 64-bit term of a normalised word."""
    digest = blake2b(text[:MAX_TERM_CHARACTERS].encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def index_terms(text: str) -> list[int]:
    """Return the terms of a text in order, with repeats."""
    return list(chain.from_iterable(map(_terms.__getitem__, text.split())))  # no word reaches over white space


def query_terms(query: str) -> list[int]:
    """Return a question's distinct terms, at most MAX_QUERY_TERMS. Any text is a question; nothing in it is syntax."""
    return list(dict.fromkeys(index_terms(query[:MAX_QUERY_CHARACTERS])))[:MAX_QUERY_TERMS]


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    marks = [letter for letter in set(decomposed) if unicodedata.combining(letter)]
    return decomposed.translate(dict.fromkeys(map(ord, marks))) if marks else decomposed


def _spellings(word: str) -> list[str]:
    """`12.3` → itself and its parts; `party's` → `parti`; `1,000` → `1000` and its parts."""
    found = [word.replace(",", "")] if _DIGIT.search(word) and not word.isalnum() else []
    for part in _PART.findall(word):
        if part in STOP_WORDS:
            continue
        runs = _UNSPACED.findall(part)
        if runs:
            found.extend(pair for run in runs for pair in _pairs(run))
        else:
            found.append(stem(IRREGULAR.get(part, part)) if part.isascii() and part.isalpha() else part)
    return found


def _pairs(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(len(run) - 1)] or [run]
