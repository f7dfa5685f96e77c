"""Short names a document explains, so that a question in either form finds what is written in the other."""

import re
from collections.abc import Iterable, Iterator, Sequence

from patchbay.products.plugs.engine.parsing.blocks import Block

MAX_ALIASES = 200
_SHORT = re.compile(r"[A-Z][A-Za-z0-9&/-]{1,9}")
_EXPLAINED = re.compile(r"\(([A-Z][A-Za-z]{0,3}[A-Z0-9][A-Z0-9a-z]{0,5})\)")
_LONG_WORDS = 8
_WORD = re.compile(r"[A-Za-z0-9&/-]+")


Aliases = Sequence[tuple[str, str, str]]
"""Short form, long form, long form in lower case."""


def find_aliases(blocks: Iterable[Block]) -> Aliases:
    """Return the names explained in two-cell rows (`SLA | service level agreement`) and by `long form (LF)`."""
    found: dict[str, str] = {}
    for block in blocks:
        for short, long in _in_block(block):
            found.setdefault(short, long)
        if len(found) >= MAX_ALIASES:
            break
    return [(short, long, long.lower()) for short, long in found.items()]


def add_aliases(text: str, aliases: Aliases) -> str:
    """Return what to add to a unit's search text: the other form of every alias it uses."""
    words: set[str] = set()
    lowered = text.lower()
    extra = []
    for short, long, lower in aliases:
        has_short, has_long = short in text, lower in lowered
        if has_short:  # perhaps only inside another word
            words = words or set(_WORD.findall(text))
            has_short = short in words
        if has_short and not has_long:
            extra.append(long)
        elif has_long and not has_short:
            extra.append(short)
    return " ".join(extra)


def _in_block(block: Block) -> Iterator[tuple[str, str]]:
    filled = [cell for cell in block.cells if cell]
    if block.kind == "row" and len(block.cells) == 2 and len(filled) == 2:
        short, long = filled
        if _is_acronym(short) and len(long.split()) <= _LONG_WORDS:
            yield short, long
    for match in _EXPLAINED.finditer(block.text):
        short = match.group(1)
        if long := _spelled(short, block.text[max(0, match.start() - 120) : match.start()].split()):
            yield short, long


def _is_acronym(text: str) -> bool:
    return bool(_SHORT.fullmatch(text)) and sum(letter.isupper() for letter in text) >= 2


def _spelled(short: str, words: list[str]) -> str:
    """Return the words before `(SHORT)` whose first letters spell it; empty when they do not."""
    letters = [letter.lower() for letter in short if letter.isalpha()]
    parts = [part for word in words for part in word.replace("-", " ").split()]
    tail = parts[-len(letters) :]
    if len(tail) == len(letters) and [word[:1].lower() for word in tail] == letters:
        return " ".join(tail)
    return ""
