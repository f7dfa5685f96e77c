"""Markdown inside a line: marks are taken off, so that a quote reads as the page shows it."""

import html
import re
from collections.abc import Set

from patchbay.products.plugs.engine.parsing.text import line_of, squeeze

_MARKED = re.compile(r"[\\`*_~<&\[]")
_KEPT = re.compile(
    r"(?<![\\`])`+([^`\n]+)`+"
    r"|(?<!\\)<([a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^<>\s`]*|[^<>\s`@]{1,100}@[^<>\s`@]{1,200})>"
)
"""Code and addresses, whose characters mark nothing."""

_PLACE = re.compile(r"\0([0-9]+)\0")
_LINK = re.compile(
    r"(?<!\\)(?:!|(?<!\]))\[((?:[^\[\]\\\n]|\\.)*)\]"
    r"(?:(\((?:[^()\n]|\([^()\n]*\))*\))|\[([^\[\]\n]*)\])?"
)
_FOOTNOTE_MARK = re.compile(r"(?<!\\)\[(\^[^\[\]\s]{1,999})\]")
_MARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"</?(?:br|p|div|span|b|i|u|em|strong|sub|sup|small|kbd|mark|a|img)\b[^<>\n]*>", re.IGNORECASE), " "),
    (re.compile(r"\*\*\*([^*\n]+)\*\*\*"), r"\1"),
    (re.compile(r"\*\*([^*\n]+)\*\*"), r"\1"),
    (re.compile(r"(?<![\w*])\*([^\s*][^*\n]*)\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<!\w)__([^_\n]+)__(?!\w)"), r"\1"),
    (re.compile(r"(?<!\w)_([^\s_][^_\n]*)_(?!\w)"), r"\1"),
    (re.compile(r"~~([^~\n]+)~~"), r"\1"),
    (re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
)


def plain(text: str, labels: Set[str]) -> str:
    """Take marks off: emphasis, links, footnote marks, code ticks, escapes, entities; white space is single spaces.

    `labels` are the definitions of the document, by `label_of`; a reference to anything else is text.
    """
    if not _MARKED.search(text):  # most lines
        return squeeze(text)
    kept: list[re.Match[str]] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match)
        return f"\0{len(kept) - 1}\0"  # no text holds a NUL

    def shown(mark: re.Match[str]) -> str:
        match = kept[int(mark.group(1))]
        return match.group(1) or match.group(2)

    def written(mark: re.Match[str]) -> str:
        return kept[int(mark.group(1))].group()

    def link(match: re.Match[str]) -> str:
        inner, destination, label = match.groups()
        is_link = destination is not None or label_of(_PLACE.sub(written, label or inner)) in labels
        return inner if is_link else match.group()

    text = _KEPT.sub(keep, text)
    if "[" in text:
        text = _FOOTNOTE_MARK.sub(lambda mark: "" if label_of(mark.group(1)) in labels else mark.group(), text)
        text = _LINK.sub(link, _LINK.sub(link, text))  # twice: a link may hold a picture
    for pattern, replacement in _MARKS:
        text = pattern.sub(replacement, text)
    return line_of(_PLACE.sub(shown, html.unescape(text)))


def label_of(text: str) -> str:
    """Return a label as references are compared: white space and case make no difference."""
    return " ".join(text.split()).casefold()
