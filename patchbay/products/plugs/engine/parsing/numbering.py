"""The numbers of Word's lists, which stand nowhere in the text: counted as Word counts them."""

import re
from dataclasses import dataclass, field
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PLACEHOLDER = re.compile(r"%([1-9])")
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"))
_ROMAN_SMALL = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a list: its number format, its label such as `%1.%2`, and its first number."""

    format: str
    label: str
    start: int


@dataclass(slots=True)
class Numbering:
    """Counts through a document; `depth` is the level of the last label."""

    lists: dict[str, dict[int, Level]]
    styles: dict[str, tuple[str, int]]
    depth: int = 0
    _counters: dict[str, dict[int, int]] = field(default_factory=dict)

    def label(self, paragraph: Any, style_id: str) -> str:
        """Return a paragraph's label, such as `4.2` or `(a)` or `•`; empty when it has none."""
        list_id, depth = self._place(paragraph, style_id)
        levels = self.lists.get(list_id)
        level = levels.get(depth) if levels else None
        if levels is None or level is None:
            return ""
        self.depth = depth
        counters = self._counters.setdefault(list_id, {})
        counters[depth] = counters.get(depth, level.start - 1) + 1
        for deeper in [at for at in counters if at > depth]:
            del counters[deeper]
        if level.format == "bullet":
            return "•"
        if level.format == "none":
            return ""
        return _PLACEHOLDER.sub(lambda match: self._number(levels, counters, int(match.group(1)) - 1), level.label)

    def _place(self, paragraph: Any, style_id: str) -> tuple[str, int]:
        properties = paragraph.find(f"{W}pPr/{W}numPr")
        if properties is None:
            return self.styles.get(style_id, ("", 0))
        default = self.styles.get(style_id, ("", 0))
        list_id, depth = _value(properties, "numId", default[0]), _value(properties, "ilvl", "0")
        return list_id, int(depth) if depth.isdecimal() else 0

    @staticmethod
    def _number(levels: dict[int, Level], counters: dict[int, int], at: int) -> str:
        level = levels.get(at)
        if level is None:
            return ""
        return formatted(counters.get(at, level.start), level.format)


def read_numbering(numbering: Any, styles: Any) -> Numbering:
    """Read what `numbering.xml` and `styles.xml` say of lists; either may be None."""
    abstract: dict[str, dict[int, Level]] = {}
    lists: dict[str, dict[int, Level]] = {}
    if numbering is not None:
        for each in numbering.iterfind(f"{W}abstractNum"):
            abstract[each.get(f"{W}abstractNumId") or ""] = _levels(each)
        for each in numbering.iterfind(f"{W}num"):
            base = dict(abstract.get(_value(each, "abstractNumId", ""), {}))
            for override in each.iterfind(f"{W}lvlOverride"):
                base.update(_levels(override))
            lists[each.get(f"{W}numId") or ""] = base
    by_style: dict[str, tuple[str, int]] = {}
    for style in styles.iterfind(f"{W}style") if styles is not None else ():
        properties = style.find(f"{W}pPr/{W}numPr")
        if properties is not None:
            depth = _value(properties, "ilvl", "0")
            place = _value(properties, "numId", ""), int(depth) if depth.isdecimal() else 0
            by_style[style.get(f"{W}styleId") or ""] = place
    return Numbering(lists, by_style)


def formatted(number: int, kind: str) -> str:
    """Write a number in Word's format `kind`; decimal for the kinds that are not Latin."""
    if kind in ("lowerLetter", "upperLetter"):
        text = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1) if 0 < number < 260 else str(number)
    elif kind in ("lowerRoman", "upperRoman"):
        text = _roman(number) if 0 < number < 4000 else str(number)
    elif kind == "decimalZero":
        text = f"{number:02d}"
    else:
        text = str(number)
    return text.upper() if kind.startswith("upper") else text


def _levels(parent: Any) -> dict[int, Level]:
    levels: dict[int, Level] = {}
    for each in parent.iterfind(f"{W}lvl"):
        at, start = each.get(f"{W}ilvl") or "0", _value(each, "start", "1")
        levels[int(at) if at.isdecimal() else 0] = Level(
            _value(each, "numFmt", "decimal"), _value(each, "lvlText", ""), int(start) if start.isdecimal() else 1
        )
    return levels


def _value(parent: Any, name: str, default: str) -> str:
    node = parent.find(f"{W}{name}")
    return (node.get(f"{W}val") or default) if node is not None else default


def _roman(number: int) -> str:
    text = ""
    for value, letters in (*_ROMAN, *_ROMAN_SMALL):
        count, number = divmod(number, value)
        text += letters * count
    return text
