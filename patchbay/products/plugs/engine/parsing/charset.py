"""Which encoding a text is in that does not say so and is not UTF-8.

A word of a Western language has mostly ASCII letters; in the older encodings of other scripts it has hardly an ASCII
byte. Only what looks foreign by that is given to `charset-normalizer`, which tells other scripts well and Western
languages badly. What it cannot tell for certain is refused: noise would be quoted as if the document said it.
"""

import codecs
import io
import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING

from patchbay.products.plugs.engine.parsing.blocks import UnreadableError
from patchbay.products.plugs.engine.parsing.latin import tell_latin

if TYPE_CHECKING:
    from charset_normalizer import CharsetMatch

CYRILLIC = ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic")
EASTERN = ("gb18030", "big5hkscs", "cp932", "euc_jp", "cp949")
FOREIGN = (*EASTERN, *CYRILLIC, "cp1253", "cp1255", "cp1256", "cp874")
"""The encodings that are told apart, by Python's names; the last are Greek, Hebrew, Arabic and Thai."""

_WIDE = ("utf-16-le", "utf-16-be")
_SAMPLE_LINES = 1000
_SAMPLE_BYTES = 64 * 1024
_BREAKS = (b"\n", b"\r", b" ", b".", b",", b"<")  # no encoding has these as a part of another character
_WORD = re.compile(rb"[@-~\x80-\xff]{3,}")  # the second byte of a character is at least `@`
_REPEATED = re.compile(rb"([\x80-\xff])\1{2,}")  # a line of dashes, an indent of hard spaces
_FOREIGN_SHARE = 0.7  # `één` has two thirds of its bytes beyond ASCII, a line of Big5 nearly four fifths
_FEWEST_BYTES = 8
_SPACES = frozenset(" \t\n\f\r")
_NO_TEXT = frozenset({"Cc", "Cn", "Co", "Cs"})  # controls, and what is no character
_UNTOLD = "The file's encoding could not be told for certain. Save it as UTF-8 and upload it again."


def tell(data: bytes) -> str:
    """Return the encoding of text that is not UTF-8, one for Latin letters unless it looks foreign.

    UnreadableError for foreign text that could be of several encodings, or is of none of `FOREIGN`.
    """
    sample = _sample(data)
    if not _looks_foreign(sample):
        return tell_latin(sample)
    from charset_normalizer import from_bytes  # here: the server looks at files too, and never needs it

    found = list(from_bytes(sample, cp_isolation=list(FOREIGN)))[:2]
    if not found or (len(found) == 2 and _as_good(found[1], found[0])):
        raise UnreadableError(_UNTOLD)
    return found[0].encoding


def tell_wide(head: bytes) -> str:
    """Return which UTF-16 without a byte-order mark a file starts in; empty for one that is no text.

    Texts of every script have spaces or line ends, which read the wrong way round are other characters or none.
    """
    for name in _WIDE:
        text = codecs.getincrementaldecoder(name)("replace").decode(head)
        characters = set(text) - _SPACES
        is_text = all(each != "\ufffd" and unicodedata.category(each) not in _NO_TEXT for each in characters)
        if is_text and not _SPACES.isdisjoint(text):
            return name
    return ""


def _sample(data: bytes) -> bytes:
    """Return the first lines that are not ASCII, cut where no character is cut."""
    lines = (line for line in io.BytesIO(data) if not line.isascii())
    sample = b"".join(islice(lines, _SAMPLE_LINES))
    if len(sample) <= _SAMPLE_BYTES:
        return sample
    sample = sample[:_SAMPLE_BYTES]
    return sample[: max(sample.rfind(mark) for mark in _BREAKS) + 1] or sample


def _looks_foreign(sample: bytes) -> bool:
    words = {word for word in _WORD.findall(_REPEATED.sub(rb"\1", sample)) if not word.isascii()}
    beyond = sum(len(word.translate(None, bytes(range(128)))) for word in words)
    return beyond >= _FEWEST_BYTES and beyond > _FOREIGN_SHARE * sum(map(len, words))


def _as_good(other: "CharsetMatch", best: "CharsetMatch") -> bool:
    """Whether another reading is as clean as the best one, and as much like a language."""
    return other.chaos <= best.chaos and other.coherence >= best.coherence
