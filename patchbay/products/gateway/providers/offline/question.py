"""What is asked: the words that matter and how much, the numbers and names given, the kind of answer wanted."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from patchbay.lib.words import STOP_WORDS, content_words, find_words, is_number, stem

_UNIT = r"(?:second|minute|hour|day|week|fortnight|month|quarter|year|anniversar)"
_WANTED: tuple[tuple[str, str, str], ...] = (
    # kind, how it is asked for, how an answer of the kind looks
    ("frequency", r"\bhow (?:often|frequent|regular)|\binterval\b", rf"\b(?:every|each|dai|week|month|annual|quarter|year|once|twice|times)|\d\s*-?{_UNIT}"),
    ("duration", rf"\bhow (?:long|soon|quick|fast|late|early)|\bby when|\bdeadline|\btime limit|\bhow many {_UNIT}|\b(?:notice|warning) (?:period|do|must|is|are|time)|\bhow much (?:notice|warning|time)", rf"{_UNIT}|\bh\b|\bmin\b|\bimmediate|\bat once"),
    ("share", r"\b(?:percent|per cent|percentage|share|proportion|rate|interest|uptime)\b|%", r"%|\bper cent|\bpercent|\bfraction|\bhalf\b|\bratio"),
    ("money", r"\b(?:cost|fee|price|charge|pay|owe|salary|penalty|expense|compensation|deposit|fine|worth)\w*|\bhow much (?:money|can|do|does|will|is|are)", r"[£$€]|%|\bper cent|\bfree of charge|\bno charge|\d|\bfee\b|\brent\b"),
    ("quantity", r"\bhow (?:much|many|low|high|far|big|large|small|deep|thick|heavy|wide|hot|cold|old|strong|tall)|\b(?:max|min|maximum|minimum|limit|dose|ceiling|cap|temperature|capacity|strength|size|distance|value|factor|level)\b|\bwhat number", r"\d"),
    ("date", r"\bwhat (?:date|day|year|month)|\b(?:in|on) (?:which|what) (?:date|day|year|month)|^\s*when\b", rf"\d|{_UNIT}|\b(?:january|february|march|april|may|june|july|august|september|october|november|december|before|after|until|when|once)\b"),
    ("person", r"\bwho(?:m|se)?\b|\b(?:which|what) (?:person|role|team|officer|manager|party|body|authority)", r"\b(?:manager|officer|director|board|party|customer|supplier|tenant|landlord|engineer|nurse|doctor|consultant|pharmacist|team|lead|coordinator|owner|contractor|committee|authority|regulator|user|licen[sc]ee|licensor|holder|office|person|staff|[a-z]+(?:er|or|ist|ian))s?\b"),
    ("choice", r"^\s*(?:so |and |but )?(?:is|are|was|can|could|do|does|did|may|must|should|will|would|has|have|am)\b|\b(?:is|are) (?:it|that|they) (?:ok|fine|allowed)|\bany use\?|do we accept|does that|can (?:i|we|they|the)\b", r"\b(?:not|no|never|only|unless|may|must|shall|cannot|except|without|contraindicated|avoid|prohibited|permitted|allowed|required|refus|reject|treated|valid|silence)"),
)  # fmt: skip
_KINDS = tuple((kind, re.compile(asked, re.I), re.compile(looks, re.I)) for kind, asked, looks in _WANTED)
_NAME = re.compile(r"(?<=[^\s.?!:] )(?:[A-Z][\w&-]*|[a-z]*\d+[A-Za-z][\w-]*)|\b[A-Z]+\d[\w-]*\b|\b[A-Z]{2,}\b")
_RANGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:[-–—]|to|and)\s*(\d+(?:\.\d+)?)")
_OPEN_RANGE = re.compile(
    r"(?:(below|under|less than|up to|not more than|at most|<|≤|<=)|(above|over|more than|at least|exceed\w*|older than|>|≥|>=))"
    r"\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*(?:\S+\s)?(?:(or (?:below|less|under|fewer))|(or (?:above|more|over)))",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question taken apart; `weights` is each content word's inverse document frequency, `unknown` the words that
    no unit holds, `words` the same words as the question writes them."""

    text: str
    words: Mapping[str, str]
    weights: Mapping[str, float]
    unknown: frozenset[str]
    numbers: tuple[float, ...]
    names: frozenset[str]
    kinds: tuple[str, ...]

    @property
    def total(self) -> float:
        return sum(self.weights.values()) or 1.0


def take_apart(text: str, units: int, counts: Mapping[str, int]) -> Asked:
    """Take a question apart; `counts` says in how many of all `units` each of its words stands."""
    words = {stem(word): word for word in find_words(text) if word not in STOP_WORDS}
    found = {stem(word): count for word, count in counts.items()}
    weights = {word: math.log((units + 1) / (found.get(word, 0) + 0.5)) if units else 1.0 for word in words}
    return Asked(
        text=text,
        words=words,
        weights={word: max(weight, 0.1) for word, weight in weights.items()},
        unknown=frozenset(word for word in words if units and found.get(word, 0) == 0),
        numbers=tuple(float(word) for word in words if is_number(word) and _is_plain(word)),
        names=frozenset(name for match in _NAME.finditer(text) for name in content_words(match.group())),
        kinds=tuple(kind for kind, asked, _ in _KINDS if asked.search(text)),
    )


def looks_like(kind: str, text: str) -> bool:
    """Say whether the text holds something of the kind that is wanted."""
    return any(looks.search(text) is not None for name, _, looks in _KINDS if name == kind)


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
