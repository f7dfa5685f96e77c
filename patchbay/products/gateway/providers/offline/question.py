"""What is asked: the words that matter and how much, the numbers and names given, the kind of answer wanted."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from patchbay.lib.words import STOP_WORDS, content_words, find_words, is_number, stem
from patchbay.products.gateway.providers.offline.counting import find_counted
from patchbay.products.gateway.providers.offline.kinds import find_focus, find_kinds

_NAME = re.compile(r"(?<=[^\s.?!:] )(?:[A-Z][\w&-]*|[a-z]*\d+[A-Za-z][\w-]*)|\b[A-Z]+\d[\w-]*\b|\b[A-Z]{2,}\b")
_RANGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:[-–—]|to|and)\s*(\d+(?:\.\d+)?)")
_OPEN_RANGE = re.compile(
    r"(?:(below|under|less than|up to|not more than|at most|<|≤|<=)"
    r"|(above|over|more than|at least|exceed\w*|older than|>|≥|>=))"
    r"\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*(?:\S+\s)?(?:(or (?:below|less|under|fewer))|(or (?:above|more|over)))",
    re.I,
)


MIN_UNITS = 200
"""Of a few units it says little how many hold a word: fewer are taken for so many, of which the rest lack it."""
FEW_UNITS = 50
"""Of fewer units it says nothing that none holds a word: they hold few words at all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question taken apart; `weights` is each content word's inverse document frequency, `unknown` the words that
    none of many units holds, `focus` those that name what is wanted, `names` those of persons, places and products."""

    text: str
    weights: Mapping[str, float]
    unknown: frozenset[str]
    numbers: tuple[float, ...]
    names: frozenset[str]
    focus: frozenset[str]
    counted: frozenset[str]
    kinds: tuple[str, ...]

    @property
    def total(self) -> float:
        return sum(self.weights.values()) or 1.0


def take_apart(text: str, units: int, counts: Mapping[str, int]) -> Asked:
    """Take a question apart; `counts` says in how many of all `units` each of its words stands."""
    words = dict.fromkeys(stem(word) for word in find_words(text) if word not in STOP_WORDS)
    found = {stem(word): count for word, count in counts.items()}
    size = max(units, MIN_UNITS)
    weights = {word: math.log((size + 1) / (found.get(word, 0) + 0.5)) if units else 1.0 for word in words}
    return Asked(
        text=text,
        weights={word: max(weight, 0.1) for word, weight in weights.items()},
        unknown=frozenset(word for word in words if units >= FEW_UNITS and found.get(word, 0) == 0),
        numbers=tuple(float(word) for word in words if is_number(word) and _is_plain(word)),
        names=frozenset(name for match in _NAME.finditer(text) for name in content_words(match.group())),
        focus=frozenset(content_words(find_focus(text))),
        counted=find_counted(text),
        kinds=find_kinds(text),
    )


def holds_number(number: float, text: str) -> bool:
    """Say whether the text names the number, or a range that it falls into."""
    if any(is_number(word) and _is_plain(word) and float(word) == number for word in content_words(text)):
        return True
    if any(float(low) <= number <= float(high) for low, high in _RANGE.findall(text)):
        return True
    for below, above, bound, bound_before, or_below, or_above in _OPEN_RANGE.findall(text):
        limit = float(bound or bound_before)
        if (number <= limit and (below or or_below)) or (number >= limit and (above or or_above)):
            return True
    return False


def _is_plain(word: str) -> bool:
    return word.isascii() and word.replace(".", "", 1).isdigit()
