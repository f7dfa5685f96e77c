"""What printed manuals have and contracts have not: listings, footnotes' marks, indexes, headers over two columns."""

import pypdfium2
from fpdf import FPDF

from patchbay.products.plugs.engine.chunking.sentences import split_sentences
from patchbay.products.plugs.engine.digest import Digest, digest
from patchbay.products.plugs.engine.parsing.detect import PDF
from tests.products.plugs.files import paper, pdf_bytes


def read(pdf: FPDF) -> Digest:
    return digest(pdf_bytes(pdf), PDF)


def said(found: Digest) -> list[tuple[str, str]]:
    return [(unit.kind, found.text[unit.start : unit.end]) for unit in found.units]


def sentences(found: Digest) -> list[str]:
    texts = [text for _, text in said(found)]
    return [text[left:right] for text in texts for left, right in split_sentences(text)]


def page_of(pdf: FPDF) -> str:
    """The first page's words as PDFium alone gives them."""
    return " ".join(pypdfium2.PdfDocument(pdf_bytes(pdf))[0].get_textpage().get_text_range().split())


def sheet() -> FPDF:
    pdf = FPDF()
    pdf.set_auto_page_break(False)
    pdf.add_page()
    pdf.set_font("Helvetica", size=10)
    return pdf


def line(pdf: FPDF, text: str, *, font: str = "Helvetica", x: float = 10, size: float = 10) -> None:
    pdf.set_font(font, size=size)
    pdf.set_x(x)
    pdf.cell(0, 5, text, new_x="LMARGIN", new_y="NEXT")


def test_a_listing_is_one_unit_with_its_lines_and_indents() -> None:
    pdf = sheet()
    line(pdf, "The clean target undoes what the build did, so the file opens as follows:")
    for text in ("clean:", "    rm -f build-stamp", "    rm -rf build"):
        line(pdf, text.strip(), font="Courier", x=20 + 2.117 * (len(text) - len(text.lstrip())))
    line(pdf, "Every package has such a target.")
    assert said(read(pdf)) == [
        ("text", "The clean target undoes what the build did, so the file opens as follows:"),
        ("code", "clean:\n    rm -f build-stamp\n    rm -rf build"),
        ("text", "Every package has such a target."),
    ]


def test_a_name_that_fills_a_line_of_its_paragraph_is_no_listing() -> None:
    pdf = sheet()
    line(pdf, "The keeper writes the reading of each morning and of each evening into the register below")
    line(pdf, "/var/lib/harbour/registers/of-the-outer-basin", font="Courier")
    line(pdf, "and signs it.")
    assert [kind for kind, _ in said(read(pdf))] == ["text"]
    assert "below /var/lib/harbour/registers/of-the-outer-basin and signs it." in read(pdf).text


def test_a_document_in_typewriter_letters_is_prose() -> None:
    pdf = sheet()
    for text in ("The harbour master keeps the key of the", "gate and gives it out against a receipt."):
        line(pdf, text, font="Courier")
    assert said(read(pdf)) == [
        ("text", "The harbour master keeps the key of the gate and gives it out against a receipt.")
    ]


def test_a_term_stays_with_what_explains_it() -> None:
    pdf = sheet()
    for name in ("--quiet", "--strict"):
        line(pdf, name, font="Courier")
        pdf.set_x(20)
        pdf.multi_cell(170, 5, f"With {name} the tool says what it does. " * 12, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(4)
    assert [text.split()[0] for _, text in said(read(pdf))] == ["--quiet", "--strict"]


def test_a_footnotes_mark_is_no_part_of_a_sentence_and_parts_none() -> None:
    pdf = sheet()
    for text, raised in (("The key is kept by the master", "1"), (" of the port.", "2"), (" Nobody else has one.", "")):
        pdf.set_font("Helvetica", size=10)
        pdf.write(5, text)
        pdf.char_vpos = "SUP"
        pdf.write(5, raised)
        pdf.char_vpos = "LINE"
    found = read(pdf)
    assert len(found.units) == 1
    first, second = sentences(found)
    assert first.endswith("of the port.")
    assert second == "Nobody else has one."
    assert all(" ".join(each.split()) in page_of(pdf) for each in (first, second))


def test_a_footnote_is_one_paragraph_with_its_mark() -> None:
    pdf = sheet()
    line(pdf, "The key is kept by the master of the port.")
    pdf.set_y(270)
    pdf.set_font("Helvetica", size=6)
    pdf.text(10, 273, "1")
    pdf.set_font("Helvetica", size=8)
    pdf.text(12, 274.3, "In his absence the deputy keeps it.")
    assert read(pdf).text.split("\n\n")[-1] == "1 In his absence the deputy keeps it."


def test_an_index_is_not_found_and_prose_above_it_is() -> None:
    pdf = sheet()
    line(pdf, "Whoever holds a key returns it within two days of leaving.")
    pdf.ln(10)
    for number in range(12):
        line(pdf, f"anchor, of kind {chr(97 + number)}, {number + 3}, {number + 20}")
    found = read(pdf)
    assert said(found) == [("text", "Whoever holds a key returns it within two days of leaving.")]
    assert "anchor, of kind c, 5, 22" in found.text


def test_a_title_of_two_lines_in_a_table_of_contents_is_not_found() -> None:
    pdf = sheet()
    for number in range(1, 4):
        line(pdf, f"{number}.1 How does the result of the inspection depend on the")
        line(pdf, f"order of the visits to the berth? {'. ' * 30}{number}")
        line(pdf, f"{number}.2 Where is it written? {'. ' * 30}{number}")
    line(pdf, "The deposit is returned within thirty days.")
    assert [text for _, text in said(read(pdf))][-1] == "The deposit is returned within thirty days."
    assert not any("the order" in text for _, text in said(read(pdf))[1:])


def test_lines_between_two_rules_are_rows_when_each_fills_the_table() -> None:
    pdf = sheet()
    rows = [("Command", "What it does"), ("cat", "joins files"), ("date", "shows the time"), ("ps", "lists processes")]
    pdf.line(10, 20, 110, 20)
    for number, (name, does) in enumerate(rows):
        pdf.text(12, 25 + 6 * number, name)
        pdf.text(60, 25 + 6 * number, does)
    pdf.line(10, 27, 110, 27)
    pdf.line(10, 46, 110, 46)
    texts = [text for kind, text in said(read(pdf)) if kind == "row"]
    assert texts[-3:] == ["cat\tjoins files", "date\tshows the time", "ps\tlists processes"]


def test_a_header_cell_over_two_columns_names_both() -> None:
    pdf = paper()
    pdf.add_page()
    pdf.set_font("Helvetica", size=10)
    with pdf.table(num_heading_rows=2, text_align="CENTER") as table:
        head = table.row()
        head.cell("Drug")
        head.cell("Daily dose", colspan=2)
        table.row(("", "Adult", "Child"))
        table.row(("Amoxil", "500 mg", "250 mg"))
        table.row(("Brufen", "400 mg", "100 mg"))
    found = read(pdf)
    row = next(unit for unit in found.units if "Brufen" in found.text[unit.start : unit.end])
    assert "Drug: Brufen; Daily dose Adult: 400 mg; Daily dose Child: 100 mg" in row.search_text
