"""The Porter stemmer: M. F. Porter, "An algorithm for suffix stripping", Program 14 (1980)."""

import re
from collections.abc import Collection

_SHAPES = {ord(letter): "v" if letter in "aeiou" else "c" for letter in "abcdefghijklmnopqrstuvwxz"}
_MEASURE = re.compile(r"v+c+")
_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "abli": "able",
    "alli": "al", "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate",
    "alism": "al", "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive",
    "biliti": "ble",
}  # fmt: skip
_STEP_3 = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_STEP_4 = frozenset((
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate",
    "iti", "ous", "ive", "ize",
))  # fmt: skip
_LONGEST = len("ational")


def stem(word: str) -> str:
    """Return the stem of a lower-case English word; words of one or two letters are their own stems."""
    if len(word) <= 2:
        return word
    word = _plural_and_past(word)
    if word.endswith("y") and "v" in _shape(word[:-1]):
        word = word[:-1] + "i"
    word = _replace(_replace(word, _STEP_2), _STEP_3)
    return _tidy(_strip(word))


def _shape(word: str) -> str:
    """Write a word as consonants and vowels: `tree` → `ccvv`; y is a vowel after a consonant."""
    shape = word.translate(_SHAPES)
    if "y" not in shape:
        return shape
    letters: list[str] = []
    for letter in shape:
        letters.append(("v" if letters and letters[-1] == "c" else "c") if letter == "y" else letter)
    return "".join(letters)


def _measure(word: str) -> int:
    """Return m of [C](VC)^m[V], roughly the number of syllables."""
    return len(_MEASURE.findall(_shape(word)))


def _ends_cvc(word: str) -> bool:
    return _shape(word).endswith("cvc") and word[-1] not in "wxy"


def _plural_and_past(word: str) -> str:
    """Step 1a and 1b: plurals, -ed, -ing."""
    if word.endswith(("sses", "ies")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        base = word.removesuffix(suffix)
        if base != word and "v" in _shape(base):
            return _mend(base)
    return word


def _mend(base: str) -> str:
    """Give back what -ed and -ing took: `conflat` → `conflate`, `hopp` → `hop`, `fil` → `file`."""
    if base.endswith(("at", "bl", "iz")):
        return base + "e"
    if len(base) > 1 and base[-1] == base[-2] and base[-1] not in "aeioulsz":
        return base[:-1]
    return base + "e" if _measure(base) == 1 and _ends_cvc(base) else base


def _longest(word: str, suffixes: Collection[str]) -> str | None:
    """Return the longest of the suffixes that the word ends with, and is longer than."""
    for start in range(max(1, len(word) - _LONGEST), len(word) - 1):
        if word[start:] in suffixes:
            return word[start:]
    return None


def _replace(word: str, endings: dict[str, str]) -> str:
    """Steps 2 and 3: shorten double suffixes where a syllable stands before them."""
    suffix = _longest(word, endings)
    if suffix is None or _measure(base := word.removesuffix(suffix)) == 0:
        return word
    return base + endings[suffix]


def _strip(word: str) -> str:
    """Step 4: take the last suffix where more than one syllable stands before it."""
    suffix = _longest(word, _STEP_4)
    if suffix is None:
        return word
    base = word.removesuffix(suffix)
    if suffix == "ion" and not base.endswith(("s", "t")):
        return word
    return base if _measure(base) > 1 else word


def _tidy(word: str) -> str:
    """Step 5: a final e and a double l."""
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _ends_cvc(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word
