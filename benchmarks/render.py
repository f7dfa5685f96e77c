"""Typeset a Markdown document as an ordinary PDF: title page, running headers and footers, tables, two columns.

Sections under headings of level 2 alternate: every third one is set in two columns where it holds no table.
"""

import re
import unicodedata
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos

_TABLE_LINE = re.compile(r"^\|.*\|\s*$")
_RULE = re.compile(r"^\|[\s:|-]+\|\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_FONT = "Times"
_SUBSTITUTES = {"\u2013": "-", "\u2014": "-", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"',
                "\u2026": "...", "\u2265": ">=", "\u2264": "<=", "\u2082": "2", "\u2083": "3",
                "\u2212": "-", "\u20ac": "EUR"}  # fmt: skip


class _Paper(FPDF):
    def __init__(self, title: str) -> None:
        super().__init__(format="A4")
        self.running = plain(title)
        self.set_margins(28, 26, 28)
        self.set_auto_page_break(True, margin=26)

    def header(self) -> None:
        if self.page_no() == 1:
            return
        self.set_y(12)
        self.set_font(_FONT, "I", 9)
        self.cell(0, 6, self.running, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_y(26)

    def footer(self) -> None:
        self.set_y(-16)
        self.set_font(_FONT, "", 9)
        self.cell(0, 6, f"Page {self.page_no()} of {{nb}}", align="C")


def render(markdown: Path, pdf: Path) -> int:
    """Write the PDF of a Markdown file; return its number of pages."""
    lines = markdown.read_text(encoding="utf-8").splitlines()
    title = lines[0].lstrip("# ")
    paper = _Paper(title)
    paper.add_page()
    paper.set_y(90)
    paper.set_font(_FONT, "B", 26)
    paper.multi_cell(0, 12, plain(title), align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.add_page()
    for number, section in enumerate(_sections(lines[1:])):
        has_table = any(_TABLE_LINE.match(line) for line in section)
        if number % 3 == 2 and not has_table:
            _set_columns(paper, section)
        else:
            _set_section(paper, section)
    paper.output(str(pdf))
    return int(paper.pages_count)


def plain(text: str) -> str:
    """Return text in the standard fonts' character set, without Markdown's inline marks."""
    text = re.sub(
        r"\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|`([^`]+)`", lambda m: m.group(1) or m.group(2) or m.group(3), text
    )
    text = "".join(_SUBSTITUTES.get(letter, letter) for letter in text)
    return (
        "".join(
            letter if letter.encode("latin-1", "ignore") else unicodedata.normalize("NFKD", letter)[:1]
            for letter in text
        )
        .encode("latin-1", "ignore")
        .decode("latin-1")
    )


def _sections(lines: list[str]) -> list[list[str]]:
    sections: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("## "):
            sections.append([])
        sections[-1].append(line)
    return [section for section in sections if any(line.strip() for line in section)]


def _set_section(paper: _Paper, lines: list[str]) -> None:
    position = 0
    while position < len(lines):
        line = lines[position]
        if _TABLE_LINE.match(line):
            rows = []
            while position < len(lines) and _TABLE_LINE.match(lines[position]):
                if not _RULE.match(lines[position]):
                    rows.append([plain(cell.strip()) for cell in lines[position].strip().strip("|").split("|")])
                position += 1
            _set_table(paper, rows)
            continue
        _set_line(paper, line)
        position += 1


def _set_line(paper: _Paper, line: str) -> None:
    if not line.strip():
        return
    level = len(line) - len(line.lstrip("#"))
    if level:
        paper.ln(4)
        paper.set_font(_FONT, "B", 16 if level == 2 else 13)
        text = line.lstrip("# ")
        paper.multi_cell(0, 8, plain(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        paper.ln(1)
        return
    paper.set_font(_FONT, "", 12)
    indent = 6 if _ITEM.match(line) else 0
    paper.set_x(paper.l_margin + indent)
    paper.multi_cell(0, 6.6, plain(line.strip()), align="J", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.ln(2.4)


def _set_table(paper: _Paper, rows: list[list[str]]) -> None:
    paper.set_font(_FONT, "", 11)
    with paper.table(line_height=7, text_align="LEFT") as table:
        for cells in rows:
            row = table.row()
            for cell in cells:
                row.cell(cell)
    paper.ln(4)


def _set_columns(paper: _Paper, lines: list[str]) -> None:
    heading, *rest = lines
    _set_line(paper, heading)
    paper.set_font(_FONT, "", 11)
    with paper.text_columns(ncols=2, gutter=8, text_align="J", line_height=1.25) as columns:
        for line in rest:
            if not line.strip():
                continue
            is_heading = line.startswith("#")
            paper.set_font(_FONT, "B" if is_heading else "", 12 if is_heading else 11)
            with columns.paragraph(bottom_margin=2) as paragraph:
                paragraph.write(plain(line.lstrip("# ")))
    paper.ln(4)
