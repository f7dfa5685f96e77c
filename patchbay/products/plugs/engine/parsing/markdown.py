"""GitHub-flavoured Markdown, in one pass over its lines: headings, pipe tables, lists, code, paragraphs.

Inline marks are taken off, so that a quote reads as the page shows it. Every pattern here is linear: none may run
past the character that would open it again.
"""

import html
import re
from dataclasses import dataclass, field

from patchbay.products.plugs.engine.parsing.blocks import Block, Parsed, TextBudget, header, row
from patchbay.products.plugs.engine.parsing.text import decode, line_of

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_FENCE = re.compile(r"[ \t]*(```+(?=[^`]*$)|~~~+)")  # in a list it may stand as deep as the item's own text
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_ITEM = re.compile(r"([ \t]*)([-*+]|[0-9]{1,9}[.)])[ \t]+(.*)")
_DELIMITER = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_QUOTE = re.compile(r"(?: {0,3}>[ ]?)+")

_INLINE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"!?\[([^\[\]\n]*)\]\([^()\n]*\)"), r"\1"),
    (re.compile(r"</?(?:br|p|div|span|b|i|u|em|strong|sub|sup|small|kbd|mark|a|img)\b[^<>\n]*>", re.IGNORECASE), " "),
    (re.compile(r"\*\*\*([^*\n]+)\*\*\*"), r"\1"),
    (re.compile(r"\*\*([^*\n]+)\*\*"), r"\1"),
    (re.compile(r"(?<![\w*])\*([^\s*][^*\n]*)\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<!\w)__([^_\n]+)__(?!\w)"), r"\1"),
    (re.compile(r"(?<!\w)_([^\s_][^_\n]*)_(?!\w)"), r"\1"),
    (re.compile(r"~~([^~\n]+)~~"), r"\1"),
    (re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
)
_CODE = re.compile(r"`+([^`\n]+)`+")


def parse(data: bytes) -> Parsed:
    """Parse a Markdown file."""
    reader = _Reader()
    for line in _without_comments(TextBudget().spend(decode(data))).split("\n"):
        reader.feed(line)
    reader.close()
    return Parsed(reader.blocks)


def _without_comments(text: str) -> str:
    """Leave out `<!-- … -->`; one that is not closed before the next one opens is text. One look at each character."""
    kept, at = [], 0
    while (end := text.find("-->", at)) >= 0:
        start = text.rfind("<!--", at, end)
        kept.append(text[at : start if start >= 0 else end + 3])
        at = end + 3
    return "".join((*kept, text[at:]))


def plain(text: str) -> str:
    """Take inline marks off: emphasis, links, code ticks, escapes, entities; white space becomes single spaces."""
    parts = _CODE.split(text)  # every second part is code, which keeps its marks
    for position in range(0, len(parts), 2):
        part = parts[position]
        for pattern, replacement in _INLINE:
            part = pattern.sub(replacement, part)
        parts[position] = html.unescape(part) if "&" in part else part
    return line_of("".join(parts))


def split_row(line: str) -> list[str]:
    """Return the cells of a pipe-table line; `\\|` is a bar inside a cell."""
    inner = line.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [plain(cell) for cell in re.split(r"(?<!\\)\|", inner)]


@dataclass(slots=True)
class _Reader:
    """Holds the lines of the block that is open until the next line closes it; `quoted` where a fence is in a quote."""

    blocks: list[Block] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    marker: str = ""
    depth: int = 0
    fence: str = ""
    quoted: bool = False
    columns: list[str] | None = None

    def feed(self, line: str) -> None:
        quote = _QUOTE.match(line)
        if self.fence and self.quoted and not quote:
            self.close()  # a listing ends with the quote that it stands in
        if self.fence:
            self._feed_code(line[quote.end() :] if quote and self.quoted else line)
            return
        if quote:
            line = line[quote.end() :]
        if self.columns is not None:
            if "|" in line:
                self.blocks.append(row(split_row(line), self.columns))
                return
            self.columns = None
        if fence := _FENCE.match(line):
            self.close()
            self.fence, self.quoted = fence.group(1), bool(quote)
        elif not line.strip():
            self.close()
        elif heading := _HEADING.match(line):
            self.close()
            self._heading(heading.group(2) or "", len(heading.group(1)))
        else:
            self._feed_text(line)

    def close(self) -> None:
        """End the open block, if there is one."""
        if self.fence:
            text = "\n".join(self.lines).strip("\n")
            if text.strip():
                self.blocks.append(Block("code", text))
        elif text := plain("\n".join(self.lines).replace("\n", " ")):
            numbered = self.marker and self.marker not in "-*+"
            text = f"{self.marker} {text}" if numbered else text
            self.blocks.append(Block("item" if self.marker else "paragraph", text, level=self.depth))
        self.lines, self.marker, self.fence, self.depth = [], "", "", 0

    def _feed_code(self, line: str) -> None:
        if line.strip().startswith(self.fence) and not line.strip().strip(self.fence[0]):
            self.close()
        else:
            self.lines.append(line)

    def _feed_text(self, line: str) -> None:
        if self.lines and not self.marker and (setext := _SETEXT.match(line)) and "|" not in self.lines[-1]:
            text, self.lines = " ".join(self.lines), []
            self._heading(text, 1 if setext.group(1)[0] == "=" else 2)
        elif self.lines and "|" in self.lines[-1] and "|" in line and _DELIMITER.match(line):
            titles = split_row(self.lines.pop())
            self.close()
            self.columns = titles
            self.blocks.append(header(titles))
        elif _RULE.match(line):
            self.close()
        elif item := _ITEM.match(line):
            self.close()
            self.depth = len(item.group(1).expandtabs(4)) // 2
            self.marker = item.group(2)
            self.lines.append(item.group(3))
        else:
            self.lines.append(line)

    def _heading(self, text: str, level: int) -> None:
        if cleaned := plain(text.strip().rstrip("#")):
            self.blocks.append(Block("heading", cleaned, level=level))
