"""What search knows of the words of its scopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from patchbay.kernel.search.contracts import Scope

MAX_WORDS = 32


@dataclass(frozen=True, slots=True)
class WordCounts:
    """In how many of a collection's `units` each word stands, in whatever form; 0 says that nothing there uses it."""

    units: int
    by_word: Mapping[str, int]


def count_words(*, scopes: Sequence[Scope], words: Sequence[str]) -> WordCounts:
    """Count the units of these scopes that hold each word (at most MAX_WORDS); words that are not indexed are left out.

    A word of several terms counts where its rarest one stands.
    """
    from patchbay.kernel.search.engine import postings, tokens
    from patchbay.kernel.search.services import find_directory

    terms = {word: tokens.query_terms(word) for word in list(dict.fromkeys(words))[:MAX_WORDS]}
    directory = find_directory(scopes)
    if directory is None:
        return WordCounts(0, {word: 0 for word, found in terms.items() if found})
    counts = postings.count(directory, [term for found in terms.values() for term in found])
    return WordCounts(
        directory.units, {word: min(counts.get(term, 0) for term in found) for word, found in terms.items() if found}
    )
