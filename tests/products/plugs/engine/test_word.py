"""What Word shows is read wherever its XML puts it, and what Word hides is not."""

import pytest

from patchbay.products.plugs.engine.digest import digest
from patchbay.products.plugs.engine.parsing import detect
from tests.products.plugs.files import docx_of_parts

WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
CHOICES = "http://schemas.openxmlformats.org/markup-compatibility/2006"


def part(root: str, inner: str, namespace: str = WORDS) -> str:
    return f'<w:{root} xmlns:w="{namespace}" xmlns:mc="{CHOICES}">{inner}</w:{root}>'


def paragraph(text: str, inner: str = "") -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r>{inner}</w:p>"


def cells(*texts: str) -> str:
    return "".join(f"<w:tc>{paragraph(text)}</w:tc>" for text in texts)


def read(body: str, name: str = "word/document.xml", namespace: str = WORDS, **parts: str) -> str:
    document = part("document", f"<w:body>{body}</w:body>", namespace)
    return digest(docx_of_parts({name: document, **parts}), detect.DOCX).text


def test_rows_and_cells_in_content_controls_are_of_the_table() -> None:
    held = "<w:sdt><w:sdtContent>{}</w:sdtContent></w:sdt>"
    rows = (cells("Kind", "Zone", "Fee"), cells("Bike") + held.format(cells("A")) + cells("3"))
    last = held.format(f"<w:tr>{cells('Car', 'B', '9')}</w:tr>")
    table = f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}{last}</w:tbl>"
    assert read(table) == "Kind\tZone\tFee\nBike\tA\t3\nCar\tB\t9"


@pytest.mark.parametrize("kind", ["footnote", "endnote"])
def test_a_note_stands_behind_the_paragraph_that_calls_it(kind: str) -> None:
    line = f'<w:{kind} w:type="separator" w:id="0">{paragraph("line")}</w:{kind}>'
    notes = part(f"{kind}s", f'{line}<w:{kind} w:id="2">{paragraph("Renewal needs forty days.")}</w:{kind}>')
    body = paragraph("The term is three years.", f'<w:r><w:{kind}Reference w:id="2"/></w:r>') + paragraph(
        "Rent is due."
    )
    found = digest(
        docx_of_parts({"word/document.xml": part("document", f"<w:body>{body}</w:body>"), f"word/{kind}s.xml": notes}),
        detect.DOCX,
    )
    assert found.text == "The term is three years.\n\nRenewal needs forty days.\n\nRent is due."


def test_a_text_box_is_read_once() -> None:
    box = f"<w:txbxContent>{paragraph('The fee is nine euros.')}</w:txbxContent>"
    both = f"<mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
    body = paragraph("Fees.", f"<w:r><mc:AlternateContent>{both}</mc:AlternateContent></w:r>")
    assert read(body) == "Fees.\n\nThe fee is nine euros."


def test_hidden_text_readings_and_deleted_rows_are_left_out() -> None:
    hidden = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>Pay 1000 euros.</w:t></w:r>"
    reading, base = "<w:rt><w:r><w:t>とう</w:t></w:r></w:rt>", "<w:rubyBase><w:r><w:t>東</w:t></w:r></w:rubyBase>"
    ruby = f"<w:r><w:ruby>{reading}{base}</w:ruby></w:r>"
    table = f"<w:tbl><w:tr><w:trPr><w:del/></w:trPr>{cells('old', '1')}</w:tr><w:tr>{cells('new', '2')}</w:tr></w:tbl>"
    assert read(paragraph("Seen", hidden + ruby) + table) == "Seen東\n\nnew\t2"


def test_a_strict_document_and_one_under_another_name_are_read() -> None:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    relations = f'<Relationships><Relationship Type="{kind}" Target="/word/document2.xml"/></Relationships>'
    assert read(paragraph("Three years."), namespace=STRICT) == "Three years."
    assert read(paragraph("Three years."), "word/document2.xml", **{"_rels/.rels": relations}) == "Three years."
