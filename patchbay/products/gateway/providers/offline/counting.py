"""How many of what: the nouns that a question wants counted, and whether a text counts them."""

import re

from patchbay.lib.words import STOP_WORDS, find_words, is_number, stem

_HOW_MANY = re.compile(r"\bhow many\s+((?:[\w-]+\s*){1,4})", re.IGNORECASE)
_NUMBERS = frozenset(("no", "one", "hundred"))
"""Numbers that `stem` does not turn into digits."""
MAX_NOUNS = 3
REACH = 3
"""Words after a number among which the counted thing stands: `six approved welding inspectors`."""


def find_counted(question: str) -> frozenset[str]:
    """Return the stems of what a question asks the number of: `How many lines may …` → `line`."""
    found = _HOW_MANY.search(question)
    words = [stem(word) for word in find_words(found.group(1)) if word not in STOP_WORDS] if found else []
    return frozenset(words[:MAX_NOUNS])


def holds_count(nouns: frozenset[str], text: str) -> bool:
    """Say whether a number of the nouns stands in the text."""
    words = find_words(text)
    places = [at for at, word in enumerate(words, 1) if is_number(stem(word)) or word in _NUMBERS]
    return any(stem(word) in nouns for at in places for word in words[at : at + REACH])
