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


def test_markdown_keeps_what_stands_inside_a_line() -> None:
    source = (
        "# Alarm\n\n> Raise it at > 80 degrees, then a -> b.\n\n|Level|Rule|\n|-|-|\n|high|> 80|\n\nx <b>is</b> y > z"
    )
    found = digest(source.encode(), detect.MARKDOWN)
    assert found.text.split("\n\n", 1)[1] == (
        "Raise it at > 80 degrees, then a -> b.\n\nLevel\tRule\nhigh\t> 80\n\nx is y > z"
    )


@pytest.mark.parametrize(
    ("source", "listing"),
    [
        ("> ```\n> run > log\n> ```\n\n## Notice\n\nNine weeks.", "run > log"),
        ("> ```\n> run\n\n## Notice\n\nNine weeks.", "run"),
        ("- Do\n\n    ```sh\n# all\n    ```\n\n## Notice\n\nNine weeks.", "# all"),
        ("```run``` first\n\n## Notice\n\nNine weeks.", ""),
    ],
    ids=["in a quote", "open when its quote ends", "deep in a list", "code that only opens a line"],
)
def test_a_markdown_listing_ends_where_it_is_shown_to_end(source: str, listing: str) -> None:
    found = units(digest(source.encode(), detect.MARKDOWN))
    assert [text for kind, text, _ in found if kind == "code"] == ([listing] if listing else [])
    assert found[-1] == ("text", "Nine weeks.", ("Notice",))


def test_a_markdown_comment_ends_at_its_own_end() -> None:
    found = digest(b"<!-- a <b>note</b> -->Seen --> too.", detect.MARKDOWN)
    assert found.text == "Seen --> too."


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [("gb2312", "gbk"), ("Shift_JIS", "cp932"), ("windows-1251", "cp1251"), ("ISO-8859-1", "cp1252"), ("x", "utf-8")],
)
def test_a_page_is_decoded_as_it_declares(charset: str, encoding: str) -> None:
    text = {"gbk": "合同期限为三年。", "cp932": "契約期間は三年。", "cp1251": "Срок три года."}.get(
        encoding, "Über „drei“."
    )
    page = f'<html><head><meta charset="{charset}"></head><body><p>{text}</p></body></html>'
    assert digest(page.encode(encoding), detect.HTML).text == text


def test_a_page_in_utf_16_is_a_page() -> None:
    page = "<html><body><script>evil()</script><p>Срок три года.</p></body></html>".encode("utf-16")
    kind = detect.detect(io.BytesIO(page), "page.html")
    assert (kind, digest(page, kind).text) == (detect.HTML, "Срок три года.")


def test_a_page_inside_one_form_and_behind_a_large_picture_is_read() -> None:
    picture = "A" * 11_000_000
    page = f'<form><p>Before.</p><input value="x"><img src="data:image/png;base64,{picture}"><p>After.</p></form>'
    assert digest(page.encode(), detect.HTML).text == "Before.\n\nAfter."


def test_headings_and_listings_of_a_page_show_what_a_reader_sees() -> None:
    page = "<html><h2>Fees<br>and terms<script>x()</script></h2><pre>a<br>b<i hidden>secret</i></pre></html>"
    assert digest(page.encode(), detect.HTML).text == "Fees and terms\n\na\nb"


def test_a_number_stands_before_its_item_once() -> None:
    page = (
        "<html><ol><li><p>Give access.</p><p>Keep it.</p></li><li value=7>Pay.<ul><li>At once</li></ul>Soon.</li></ol>"
    )
    assert digest(page.encode(), detect.HTML).text == "1. Give access.\nKeep it.\n7. Pay.\nAt once\nSoon."


def test_cells_that_span_leave_the_others_under_their_own_columns() -> None:
    page = """<html><table><tr><th>Kind<th>Zone<th>Fee<tr><td rowspan=2>Bike<td>A<td>3<tr><td>B<td>9
    <tr><td colspan=2>All<td>11<tr><td colspan=3>From May on</table>"""
    found = digest(page.encode(), detect.HTML)
    said = {found.text[unit.start : unit.end]: unit.search_text for unit in found.units}
    assert "Zone: B; Fee: 9" in said["B\t9"]
    assert "Kind: All; Fee: 11" in said["All\t11"]
    assert "From May on" in said


def test_text_in_old_encodings_is_readable() -> None:
    assert digest("Grüße für £5".encode("cp1252"), detect.TEXT).text == "Grüße für £5"
    assert digest("\ufeffGrüße".encode("utf-16-le"), detect.TEXT).text == "Grüße"


def test_a_broken_byte_does_not_make_a_text_another_encoding() -> None:
    text = "Über die Größe von Äpfeln entscheidet die Prüfstelle"
    assert digest(text.encode() + b"\xc3", detect.TEXT).text == text + "\ufffd"
    assert digest(text.encode("cp1252"), detect.TEXT).text == text


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"MZ Chemicals pays the fee.", "contract.txt", detect.TEXT),
        (b"RIFF is a container.", "notes.md", detect.MARKDOWN),
        (b"# PDF\n\nIt starts with %PDF-1.7.", "formats.md", detect.MARKDOWN),
        (b"%PDF-1.7\n", "renamed.md", detect.PDF),
        (b"\n%PDF-1.7\n", "scan", detect.PDF),
    ],
)
def test_a_text_is_not_taken_for_what_its_first_letters_also_open(data: bytes, name: str, kind: str) -> None:
    assert detect.detect(io.BytesIO(data), name) == kind


def test_a_program_is_refused_by_name() -> None:
    with pytest.raises(UnreadableError, match="a program"):
        detect.detect(io.BytesIO(b"MZ\x90\0\x03"), "contract.txt")


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


ESCAPES = ("&#1;", "&#x8;", "&#xFFFE;", "&#x7F;", "&#xFEFF;", "&#xFFFF;", "&#x1FFFE;")


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("kind", [detect.HTML, detect.MARKDOWN])
def test_no_escape_brings_a_character_in_that_nobody_can_see(kind: str, escape: str) -> None:
    source = f"# Fe{escape}es\n\nThe fee{escape} is {escape} 4{escape}0.\n\n|A|B|\n|-|-|\n|x{escape}y|z|\n"
    if kind == detect.HTML:
        source = (
            f"<html><h1>Fe{escape}es</h1><p>The fee{escape} is {escape} 4{escape}0."
            f"<table><tr><th>A<th>B<tr><td>x{escape}y<td>z</table><pre>a{escape}b</pre>"
        )
    found = digest(source.encode(), kind)
    quotes = [text for _, text, _ in units(found)]
    assert quotes == ["The fee is 40.", "xy\tz", *(["ab"] if kind == detect.HTML else [])]
    assert units(found)[0][2] == ("Fees",)


def test_a_word_document_loses_the_same_characters() -> None:
    body = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
    text = b"<w:t>The fee&#x7F; is &#xFEFF; 4&#x1FFFE;0.</w:t></w:r></w:p></w:body></w:document>"
    assert digest(docx_with_document(body + text), detect.DOCX).text == "The fee is 40."


def test_a_page_break_parts_words() -> None:
    assert digest(b"The first page ends\x0cand the second begins.\x0bNext.", detect.TEXT).text == (
        "The first page ends and the second begins. Next."
    )


@pytest.mark.parametrize(
    "inside",
    [
        '<frameset><frame src="menu.html"><frame src="text.html"></frameset>',
        '<frameset><frame src="menu.html"><frame src="text.html"><noframes><body><p>Your browser has no frames.</p>'
        "</body></noframes></frameset>",
        '<body><iframe src="menu.html"></iframe><iframe src="text.html">No frames.</iframe></body>',
    ],
)
def test_a_page_of_frames_is_refused_with_the_pages_that_it_shows(inside: str) -> None:
    with pytest.raises(UnreadableError, match=r"in frames\. Upload those: menu\.html, text\.html"):
        digest(f"<html><head><title>Terms</title></head>{inside}</html>".encode(), detect.HTML)


def test_a_page_with_text_beside_a_frame_is_read_without_it() -> None:
    page = '<html><body><p>The fee is 40.</p><iframe src="ad.html"></iframe><noframes>None.</noframes></body></html>'
    assert digest(page.encode(), detect.HTML).text == "The fee is 40."


def test_a_list_that_counts_from_no_number_counts_from_one() -> None:
    assert digest("<html><ol start=²><li value=³>Pay.</ol>".encode(), detect.HTML).text == "1. Pay."
