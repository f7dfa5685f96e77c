"""Which encoding a text in Latin letters is in: the one in which its letters are those of a language.

Windows-1250, 1252 and 1254 have other letters at the same bytes, and every text is a text in each of them. A language
uses few of these letters, though: what is Polish in one is of no language in the others. (Hungarian is not told: with
`õ` for `ő` it has the letters of Portuguese.)
"""

import re
from collections import Counter

WESTERN = "cp1252"
CENTRAL, TURKISH = "cp1250", "cp1254"

_LETTERS = {
    WESTERN: (
        "àâæçéèêëîïôœùûüÿ",  # French
        "äöüßéàè",  # German
        "áéíñóúüºª",  # Spanish
        "áâãàçéêíóôõúüºª",  # Portuguese
        "àèéìíîòóùú",  # Italian
        "àçèéíïòóúü",  # Catalan
        "áâäçèéêëíîïóôöúûü",  # Dutch
        "åäöæøéèêóòôüà",  # Danish, Finnish, Norwegian, Swedish
        "áðéíóúýþæö",  # Icelandic
    ),
    CENTRAL: (
        "ąćęłńóśźż",  # Polish
        "áäčďéěíĺľňóôŕřšťúůýž",  # Czech, Slovak
        "ăâîşţ",  # Romanian
        "čćđšž",  # Croatian, Slovene
    ),
    TURKISH: ("çğıöşüâîû",),
}
_LETTER = re.compile(r"[^\W\d_a-z]|(?<=[^\W\d_])[¹³¿¯£¥¼¾¶\ufffd](?=[^\W\d_])")  # within a word these were letters
_ENOUGH = {WESTERN: 0.9, CENTRAL: 0.97, TURKISH: 0.97}  # of a text's letters; other languages' names stand in it too
_FEWEST_LETTERS = 4


def tell_latin(sample: bytes) -> str:
    """Return the encoding; Windows-1252 where several could be, or none."""
    if _is_language(sample, WESTERN):
        return WESTERN
    return next((name for name in (CENTRAL, TURKISH) if _is_language(sample, name)), WESTERN)


def _is_language(sample: bytes, encoding: str) -> bool:
    """Whether the letters beyond ASCII are those of one language of the encoding, at least a few of its own."""
    counts = Counter(_LETTER.findall(sample.decode(encoding, "replace").lower()))
    total = sum(counts.values())
    if encoding != WESTERN and len(counts) < _FEWEST_LETTERS:
        return False
    covered = max(sum(counts[letter] for letter in letters) for letters in _LETTERS[encoding])
    return covered >= _ENOUGH[encoding] * total
