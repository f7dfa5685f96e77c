"""The words of a text that carry meaning, reduced to a common form. English; other languages pass through whole."""

import re
from functools import lru_cache

_WORD = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?|[^\W_]+")
_SUFFIXES = """
atings ating ated ates ate isations izations isation ization ations ation ments ment nesses ness ings ing edly ingly
ions ion ances ance ences ence ers er ed ies es s ly al e y
"""
_STOP = """
a about above after again all also an and any are as at be because been before being below but by can could did
do does doing don't each either for from get gets got had has have having he her here his how i if in into is it
its itself just let many may me might more most much must my need no nor not of off often on once only or other our
out over own per same say please says shall she should since so some such than that the their them then there these they
this those through thus to too under until up upon us very was we were what what's when where whether which while who
whom whose why will with within would yes you your i'm it's isn't can't haven't tell
"""
_UNITS = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
_TEENS = "eighteen nineteen"
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBERS = {
    **{word: str(value) for value, word in enumerate(f"{_UNITS} {_TEENS}".split(), 2)},
    **{word: str(value * 10) for value, word in enumerate(_TENS, 2)},
}
_PAST = """
began begin begun begin bought buy brought bring built build chosen choose dealt deal drawn draw driven drive
drove drive fell fall fallen fall felt feel found find gave give given give grew grow grown grow held hold
hidden hide kept keep
knew know known know laid lay leaves leave lent lend lost lose made make meant mean met meet paid pay ran run risen rise
rose rise said say seen see sent send shown show sold sell sought seek spent spend stood stand stolen steal taken take
taught teach thought think threw throw thrown throw told tell took take understood understand went go won win worn wear
written write wrote write broken break broke break forgotten forget frozen freeze swept sweep withdrawn withdraw
withdrew withdraw withheld withhold undertaken undertake undertook undertake overridden override
"""
_FORMS = _PAST.split()
IRREGULAR = dict(zip(_FORMS[::2], _FORMS[1::2], strict=True))
"""Forms of verbs that no ending shows, and the verbs."""
_COMPOUND = re.compile(rf"\b({'|'.join(_TENS)})-(one|two|three|four|five|six|seven|eight|nine)\b")
_ENDINGS = tuple(_SUFFIXES.split())
STOP_WORDS = frozenset(_STOP.split())


def find_words(text: str) -> list[str]:
    """Return the words and numbers of a text, in lower case, in order, with repeats; `twenty-four` is `24`."""
    return _WORD.findall(_COMPOUND.sub(_digits, text.replace("’", "'").lower()))


def content_words(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, in order, with repeats; numbers as they are."""
    return [stem(word) for word in find_words(text) if word not in STOP_WORDS]


def is_number(word: str) -> bool:
    return word[0].isdigit()


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Return a short common form: `payments` and `paying` → `pay`; numbers are digits without commas."""
    if is_number(word):
        return word.replace(",", "")
    if word in _NUMBERS:
        return _NUMBERS[word]
    word = word.removesuffix("'s")
    word = IRREGULAR.get(word, word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            rest = word[: -len(ending)]
            return stem(rest) if ending == "s" and rest.endswith("y") else _undouble(rest)
    return word


def _undouble(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls" else word


def _digits(match: re.Match[str]) -> str:
    unit = match.group(2)
    return str(int(_NUMBERS[match.group(1)]) + (1 if unit == "one" else int(_NUMBERS[unit])))
