"""Where sentences end: one linear pass, with the abbreviations of contracts, guidelines and standards."""

import re

from patchbay.products.plugs.engine.parsing.blocks import TIE

# A footnote's mark after the sentence belongs to neither side: tied to it by a parser, or right behind its full stop.
_MARK = rf"{TIE}[0-9]{{1,3}}|(?<=[a-z][a-z)][.!?])[0-9]{{1,2}}"
_END = re.compile(rf"[.!?…][\"'”’)\]]{{0,3}}(?P<mark>{_MARK})?(?:\s+|$)|\n+")
_SHORT_FORMS = (
    "e.g i.e cf vs viz etc no nos art arts cl cls para paras sec sect fig figs tab eq approx max min incl excl ref refs"
    " dr mr mrs ms prof st inc ltd co corp plc dept est ed eds al p pp vol ca resp temp jan feb mar apr jun jul aug"
    " sep sept oct nov dec"
)
_ABBREVIATIONS = frozenset(_SHORT_FORMS.split())
_OPENERS = "\"'“‘([•–—-£$€§"
_TAIL = 24  # an abbreviation is shorter; looking no further back keeps the pass linear


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each sentence of `text`, in code points, white space around them left out."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if text[match.start()] != "\n" and not _ends(text, start, match):
            continue
        _add(spans, text, start, match.end() if match["mark"] is None else match.start("mark"))
        start = match.end()
    _add(spans, text, start, len(text))
    return spans


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece.rstrip())
    if right > left:
        spans.append((start + left, start + right))


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    after = text[match.end() : match.end() + 1]
    if after and not (after.isupper() or after.isdigit() or after in _OPENERS):
        return False
    if text[match.start()] != ".":
        return True
    words = text[max(start, match.start() - _TAIL) : match.start()].split()
    word = words[-1].lstrip("([\"'“‘") if words else ""
    if word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isalpha()):
        return False
    # "4.2." or "1." in front of its clause is a number, not a sentence.
    return not (len(words) == 1 and match.start() - start <= len(word) + 1 and word.replace(".", "").isdigit())
