"""GitHub-flavoured Markdown, line by line: headings, pipe tables, lists, code, footnotes, paragraphs.

Front matter and the definitions of links are no text. Every pattern here and of `inline` is linear: none may run past
the character that would open it again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from patchbay.products.plugs.engine.parsing.blocks import Block, Parsed, TextBudget, header, row
from patchbay.products.plugs.engine.parsing.inline import label_of, plain
from patchbay.products.plugs.engine.parsing.text import decode

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_FENCE = re.compile(r"[ \t]*(```+(?=[^`]*$)|~~~+)")  # in a list it may stand as deep as the item's own text
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_ITEM = re.compile(r"([ \t]*)([-*+]|[0-9]{1,9}[.)])[ \t]+(.*)")
_DELIMITER = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_QUOTE = re.compile(r"(?: {0,3}>[ ]?)+")

_DEFINITION = re.compile(
    r"[ \t]*\[(?!\^)((?:[^\[\]\\\n]|\\.){1,999})\]:[ \t]*(?:<[^<>\n]*>|[^\s<]\S*)"
    r"""(?:[ \t]+(?:"[^"\n]*"|'[^'\n]*'|\([^()\n]*\)))?[ \t]*$"""
)
_FOOTNOTE = re.compile(r"[ \t]*\[(\^[^\[\]\s]{1,999})\]:[ \t]*(.*)")
_FRONT_MATTER = {
    "---": (re.compile(r"#|[^\s:#][^:\n]*:(?:\s|$)"), ("---", "...")),
    "+++": (re.compile(r"#|\[|.*="), ("+++",)),
}
"""What opens front matter (YAML, TOML): what its first line must look like, as a rule may stand there too; its end."""


def parse(data: bytes) -> Parsed:
    """Parse a Markdown file."""
    lines = _without_comments(_body(TextBudget().spend(decode(data)))).split("\n")
    reader = _Reader(_labels(lines))
    for line in lines:
        reader.feed(line)
    reader.close()
    return Parsed(reader.blocks)


def _body(text: str) -> str:
    """Return the text behind its front matter, which is no part of what a page shows."""
    opener, _, rest = text.partition("\n")
    first, ends = _FRONT_MATTER.get(opener.rstrip(), (None, ()))
    if first is None or not first.match(rest):
        return text
    lines = rest.split("\n")
    end = next((at for at, line in enumerate(lines) if line.rstrip() in ends), None)
    return text if end is None else "\n".join(lines[end + 1 :])


def _labels(lines: Iterable[str]) -> frozenset[str]:
    """Return what links and footnote marks may refer to: only what is defined somewhere is one."""
    candidates = (line[quote.end() :] if (quote := _QUOTE.match(line)) else line for line in lines if "]:" in line)
    found = (_DEFINITION.match(line) or _FOOTNOTE.match(line) for line in candidates)
    return frozenset(label_of(match.group(1)) for match in found if match)


def _without_comments(text: str) -> str:
    """Leave out `<!-- … -->`; one that is not closed before the next one opens is text. One look at each character."""
    kept, at = [], 0
    while (end := text.find("-->", at)) >= 0:
        start = text.rfind("<!--", at, end)
        kept.append(text[at : start if start >= 0 else end + 3])
        at = end + 3
    return "".join((*kept, text[at:]))


@dataclass(slots=True)
class _Reader:
    """Holds the lines of the block that is open until the next line closes it; `quoted` where a fence is in a quote."""

    labels: frozenset[str]
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
                self.blocks.append(row(self._cells(line), self.columns))
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
        elif text := plain(" ".join(self.lines), self.labels):
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
            titles = self._cells(self.lines.pop())
            self.close()
            self.columns = titles
            self.blocks.append(header(titles))
        elif _RULE.match(line):
            self.close()
        elif footnote := _FOOTNOTE.match(line):
            self.close()
            self.lines.append(footnote.group(2))
        elif not self.lines and _DEFINITION.match(line):
            return
        elif item := _ITEM.match(line):
            self.close()
            self.depth = len(item.group(1).expandtabs(4)) // 2
            self.marker = item.group(2)
            self.lines.append(item.group(3))
        else:
            self.lines.append(line)

    def _heading(self, text: str, level: int) -> None:
        if cleaned := plain(text.strip().rstrip("#"), self.labels):
            self.blocks.append(Block("heading", cleaned, level=level))

    def _cells(self, line: str) -> list[str]:
        """Return the cells of a pipe-table line; `\\|` is a bar inside a cell."""
        inner = line.strip().removeprefix("|")
        if inner.endswith("|") and not inner.endswith("\\|"):
            inner = inner[:-1]
        return [plain(cell, self.labels) for cell in re.split(r"(?<!\\)\|", inner)]
