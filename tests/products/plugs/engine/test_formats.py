"""Word, HTML, Markdown and text become the same blocks."""

import io

import docx
import pytest

from patchbay.products.plugs.engine.digest import Digest, digest
from patchbay.products.plugs.engine.parsing import detect
from patchbay.products.plugs.engine.parsing.blocks import UnreadableError
from patchbay.products.plugs.engine.parsing.numbering import formatted
from tests.products.plugs.files import docx_bytes, docx_with_document


def units(found: Digest) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(unit.kind, found.text[unit.start : unit.end], unit.headings) for unit in found.units]


def test_word_headings_paragraphs_lists_and_tables() -> None:
    document = docx.Document()
    document.add_heading("Lease", 0)
    document.add_heading("1 Rent", 1)
    document.add_paragraph("The rent is due on the first day of each quarter.")
    document.add_paragraph("Parking", style="List Bullet")
    table = document.add_table(rows=0, cols=2)
    for cells in (("Year", "Rent"), ("2025", "£12,000"), ("2026", "£12,600")):
        for cell, text in zip(table.add_row().cells, cells, strict=True):
            cell.text = text
    document.sections[0].header.paragraphs[0].text = "Running header"
    found = digest(docx_bytes(document), detect.DOCX)
    assert units(found) == [
        ("clause", "The rent is due on the first day of each quarter.", ("1 Rent",)),
        ("item", "Parking", ("1 Rent",)),
        ("row", "2025\t£12,000", ("1 Rent",)),
        ("row", "2026\t£12,600", ("1 Rent",)),
    ]
    assert "Year: 2026; Rent: £12,600" in found.units[-1].search_text
    assert found.pages is None
    assert "Running header" not in found.text


def test_word_list_numbers_are_counted() -> None:
    document = docx.Document()
    for text in ("Give access", "Pay the fee"):
        document.add_paragraph(text, style="List Number")
    assert digest(docx_bytes(document), detect.DOCX).text == "1. Give access\n\n2. Pay the fee"


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [(4, "lowerLetter", "d"), (27, "upperLetter", "AA"), (49, "lowerRoman", "xlix"), (7, "decimalZero", "07")],
)
def test_list_numbers_are_written_as_word_writes_them(number: int, kind: str, text: str) -> None:
    assert formatted(number, kind) == text


def test_html_shows_what_a_reader_sees() -> None:
    page = """<!doctype html><html><head><title>T</title><style>p{}</style><script>steal("cookie")</script></head>
    <body><nav>Home About</nav><h1>Guide</h1><h2>Doses</h2><p>Give <b>5&nbsp;mg</b> once<br>daily.</p>
    <p style="display: none">hidden words</p><ul><li>with food<ul><li>never late</li></ul></li></ul>
    <table><tr><th>Drug</th><th>Dose</th></tr><tr><td>Apixaban</td><td>2.5 mg</td></tr></table>
    <p onclick="evil()">Stop on bleeding.</p><footer>Imprint</footer></body></html>"""
    found = digest(page.encode(), detect.HTML)
    assert units(found) == [
        ("text", "Give 5 mg once daily.", ("Doses",)),
        ("item", "with food", ("Doses",)),
        ("item", "never late", ("Doses",)),
        ("row", "Apixaban\t2.5 mg", ("Doses",)),
        ("text", "Stop on bleeding.", ("Doses",)),
    ]
    for gone in ("steal", "hidden", "Home", "Imprint", "evil"):
        assert gone not in found.text


def test_markdown_reads_as_it_is_shown() -> None:
    source = (
        "# Handbook\n\n## 2 Loads\n\nThe **load factor** is `1.35` for [permanent](http://x) actions,\n"
        "see _table 1_.\n\n"
        "| Action | Factor |\n| --- | ---: |\n| Permanent | 1.35 |\n| Wind \\| snow | 1.5 |\n\n"
        "```\ncode *stays*\n```\n"
    )
    found = digest(source.encode(), detect.MARKDOWN)
    assert units(found) == [
        ("clause", "The load factor is 1.35 for permanent actions, see table 1.", ("2 Loads",)),
        ("row", "Permanent\t1.35", ("2 Loads",)),
        ("row", "Wind | snow\t1.5", ("2 Loads",)),
        ("code", "code *stays*", ("2 Loads",)),
    ]


def test_text_in_old_encodings_is_readable() -> None:
    assert digest("Grüße für £5".encode("cp1252"), detect.TEXT).text == "Grüße für £5"
    assert digest("\ufeffGrüße".encode("utf-16-le"), detect.TEXT).text == "Grüße"


def test_text_has_headings_paragraphs_and_items() -> None:
    source = "4.2 Payment terms\n\nThe fee is due\nin thirty days.\n\n- by transfer\n- by card\n"
    assert units(digest(source.encode(), detect.TEXT)) == [
        ("clause", "The fee is due in thirty days.", ("4.2 Payment terms",)),
        ("item", "- by transfer", ("4.2 Payment terms",)),
        ("item", "- by card", ("4.2 Payment terms",)),
    ]


def test_a_word_document_that_declares_entities_is_refused() -> None:
    body = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
    text = b"<w:t>&x; The fee is 40 pounds.</w:t></w:r></w:p></w:body></w:document>"
    declared = b'<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    with pytest.raises(UnreadableError, match="declares entities"):
        digest(docx_with_document(declared + body + text), detect.DOCX)


def test_a_page_of_bare_tags_is_html_by_its_name() -> None:
    data = b"<div>" * 9 + b"The fee is 40 pounds."
    assert detect.detect(io.BytesIO(data), "fees.html") == detect.HTML
    assert detect.detect(io.BytesIO(b"a < b, and b > c"), "note.html") == detect.TEXT
