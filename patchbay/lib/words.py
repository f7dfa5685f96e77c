"""The words of a text that carry meaning, reduced to a common form. English; other languages pass through whole."""

import re

_WORD = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?|[^\W_]+")
_SUFFIXES = """
isations izations isation ization ations ation ments ment nesses ness ings ing edly ingly ions ion
ances ance ences ence ers er ed ies es s ly al e y
"""
_STOP = """
a about above after again all also an and any are as at be because been before being below but by can could did
do does doing don't each either for from get gets got had has have having he her here his how i if in into is it
its itself just let may me might more most must my need no nor not of off on once only or other our out over own
per same say please says shall she should since so some such than that the their them then there these they this
those through thus to too under until up upon us very was we were what what's when where whether which while who
whom whose why will with within would yes you your i'm it's isn't can't haven't tell
"""
_ENDINGS = tuple(_SUFFIXES.split())
STOP_WORDS = frozenset(_STOP.split())


def find_words(text: str) -> list[str]:
    """Return the words and numbers of a text, in lower case, in order, with repeats."""
    return _WORD.findall(text.replace("’", "'").lower())


def content_words(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, in order, with repeats; numbers as they are."""
    return [stem(word) for word in find_words(text) if word not in STOP_WORDS]


def is_number(word: str) -> bool:
    return word[0].isdigit()


def stem(word: str) -> str:
    """Return a short common form: `payments` and `paying` → `pay`; numbers lose the commas between thousands."""
    if is_number(word):
        return word.replace(",", "")
    word = word.removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
