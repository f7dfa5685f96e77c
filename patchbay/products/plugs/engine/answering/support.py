"""How far a sentence is covered by what it quotes: deterministic, 0 to 1."""

from collections.abc import Iterable

from patchbay.lib.words import content_words, is_number

NUMBER_WEIGHT = 3.0
"""A wrong number makes a sentence false; a missing word seldom does."""
_SPEAKING = frozenset(content_words("document state accord quote"))


def measure(sentence: str, quotes: Iterable[str], known: str = "") -> float:
    """Return the share of the sentence's content words and numbers that stand in its quotes.

    Words of `known` (the question) need no support. A sentence without content is supported.
    """
    said = _content(sentence)
    if not said:
        return 1.0
    held = {word for quote in quotes for word in _content(quote)}
    free = _content(known) - held
    weights = {word: NUMBER_WEIGHT if is_number(word) else 1.0 for word in said - free}
    if not weights:
        return 1.0 if held else 0.0
    return sum(weight for word, weight in weights.items() if word in held) / sum(weights.values())


def invents_number(sentence: str, quotes: Iterable[str], known: str = "") -> bool:
    """Say whether the sentence holds a number that is neither in its quotes nor in `known`."""
    held = {word for text in (*quotes, known) for word in _content(text)}
    return any(is_number(word) and word not in held for word in _content(sentence))


def _content(text: str) -> set[str]:
    return set(content_words(text)) - _SPEAKING
