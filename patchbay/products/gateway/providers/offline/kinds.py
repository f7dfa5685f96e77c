"""Kinds of answers: how a question asks for one, and how a text looks that holds one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_UNIT = r"(?:second|minute|hour|day|week|fortnight|month|quarter|year)s?"
_AMOUNT = r"[0-9]|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|half|third)\b"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of answer."""

    name: str
    asked: re.Pattern[str]
    looks: re.Pattern[str]


def _kind(name: str, asked: str, looks: str) -> Kind:
    return Kind(name, re.compile(asked, re.IGNORECASE), re.compile(looks, re.IGNORECASE))


KINDS = (
    _kind(
        "frequency",
        r"\bhow (?:often|frequent|regular)|\binterval",
        rf"\b(?:every|each|daily|weekly|monthly|quarterly|annual|yearly|once|twice|times)|[0-9]\s*-?{_UNIT}",
    ),
    _kind(
        "duration",
        r"\bhow (?:long|soon|quick|fast|late|early)|\b(?:by|until|till) when|\bdeadline|\btime limit"
        rf"|\bhow many {_UNIT}|\bnotice period|\bhow much (?:notice|warning|time)",
        rf"\b{_UNIT}\b|[0-9]\s*(?:h|min|s)\b|\bimmediate|\bat once|\bwithout (?:undue )?delay",
    ),
    _kind(
        "share",
        r"\b(?:per ?cent|percentage|share|proportion|uptime)\b|\binterest\b|%",
        r"%|\bper ?cent|\bfraction|\bhalf\b|\bratio",
    ),
    _kind(
        "money",
        r"\b(?:cost|fee|price|charge|owe|salary|penalt|compensation|deposit|damages)"
        r"|\bhow much (?:money|do (?:i|we) pay)",
        r"[£$€]|%|\bper ?cent|\b(?:free|no) (?:of )?charge"
        r"|\b(?:month|year)s?['’]s? (?:annual )?rent|\bat .{0,20}expense",
    ),
    _kind(
        "quantity",
        r"\bhow (?:much|many|low|high|far|big|large|small|deep|thick|heavy|wide|hot|cold|old|strong|tall)\b"
        r"|\b(?:max|min|maximum|minimum|most|least|limit|dose|ceiling|cap|temperature|capacity|factor|at what age)\b",
        _AMOUNT,
    ),
    _kind(
        "date",
        r"\b(?:what|which) (?:date|day|year|month)\b|^\s*when\b",
        rf"[0-9]|\b{_UNIT}\b|\b(?:before|after|until|when|once)\b",
    ),
    _kind(
        "person",
        r"\bwho(?:m|se)?\b|\b(?:which|what) (?:person|role|team|officer|manager|party|body|authority)",
        r"\b(?:party|team|board|staff|office|user|tenant|nurse|regulator|authorit|committee|person|lead|director)"
        r"|\b[a-z]{3,}(?:er|or|ist|ian|ee)s?\b",
    ),
    _kind(
        "choice",
        r"^\s*(?:so |and |but )?(?:is|are|was|can|could|do|does|did|may|must|should|will|would|has|have|am)\b"
        r"|\b(?:is|are) (?:it|that|they) (?:ok|fine|allowed)|\bdo(?:es)? (?:we|i|it|that|they)\b"
        r"|\bcan (?:i|we|they|the)\b",
        r"\b(?:not?|never|only|unless|may|must|shall|cannot|except|without|avoid|prohibit|permit|allow|require|refus"
        r"|reject|treated|valid|contraindicat)",
    ),
)

MUST_LOOK = (
    _kind(
        "reason",
        r"^\s*(?:\w+ )?why\b|\bwhat(?:'s| is| was) the (?:reason|rationale)|\bhow come\b",
        r"\b(?:because|since|so that|so as|in order|due to|owing|reason|otherwise|avoid|prevent|therefore|thus|hence"
        r"|as (?:it|they|the|this|these)|to (?:allow|ensure|keep|make|give|reduce|protect|help|let)|cannot|would|risk"
        r"|purpose|cause|lest|unless|not)\b",
    ),
    _kind("year", r"\b(?:what|which) year\b", r"\b(?:1[89]|20)\d\d\b"),
    _kind(
        "day",
        r"\bwhen (?:was|were|did)\b|\b(?:what|which) (?:date|day)\b|\bdate of\b",
        r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december|(?:19|20)\d\d)\b"
        r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b\d{1,2}(?:st|nd|rd|th)\b",
    ),
    _kind(
        "contact",
        r"\b(?:telephone|phone|e-?mail|fax)\b.*\b(?:number|address)\b|\b(?:url|website|web ?site)\b",
        r"\b\d[\d ()+-]{6,}\d\b|@|https?:|www\.",
    ),
)
"""Kinds that a text surely does not hold unless it looks like them."""

_LOOSE = ("person", "choice")
"""Kinds whose looks prove little: almost any text has them."""

_SKIPPED = r"(?:(?:'s|is|are|was|were)\s+)?(?:(?:the|a|an|our|its|your|my)\s+)?"
_STOPPED = (
    r"is|are|was|were|do|does|did|must|can|could|should|would|will|may|might|has|have|had|to|for|at|in|on|if|when|before"
    r"|after|of|from|with|and|or|we|i|you|they|it|that|by|under|the|a|an"
)
_FOCUS = re.compile(
    rf"\b(?:what|which|how many|how much|who|whose)\b\s*{_SKIPPED}((?:(?!(?:{_STOPPED})\b)[\w-]+\s*){{1,4}})",
    re.IGNORECASE,
)


def find_kinds(question: str) -> tuple[str, ...]:
    """Return the names of the kinds that a question asks for; often none."""
    return tuple(kind.name for kind in KINDS if kind.asked.search(question))


def looks_like(name: str, text: str) -> bool:
    """Say whether the text holds something of the kind."""
    return any(kind.looks.search(text) is not None for kind in KINDS if kind.name == name)


def lacks_kind(question: str, texts: Sequence[str]) -> bool:
    """Say whether none of the texts looks like a kind that the question asks for, persons and choices apart.

    Weaker than `lacks_what_is_asked`: a sign, not a proof.
    """
    wanted = [kind for kind in (*KINDS, *MUST_LOOK) if kind.name not in _LOOSE and kind.asked.search(question)]
    return any(not any(kind.looks.search(text) for text in texts) for kind in wanted)


def lacks_what_is_asked(question: str, texts: Sequence[str]) -> bool:
    """Say whether a question asks for something, like a reason or a year, that none of the texts can hold."""
    wanted = [kind for kind in MUST_LOOK if kind.asked.search(question)]
    return any(not any(kind.looks.search(text) for text in texts) for kind in wanted)


def find_focus(question: str) -> str:
    """Return the words that name what is wanted: `Which species of fish …` → `species`."""
    return " ".join(match.group(1) for match in _FOCUS.finditer(question))
