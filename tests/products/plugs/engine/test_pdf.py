"""PDFs become what a reader sees: reading order, headings, clauses, rows, the page of each."""

from fpdf import FPDF

from patchbay.products.plugs.engine.digest import Digest, digest
from patchbay.products.plugs.engine.parsing.detect import PDF
from patchbay.products.plugs.engine.parsing.pdf import parse
from tests.products.plugs.files import paper, pdf_bytes, pdf_of, scanned_pdf

LEFT = "The left column tells of the pump room and of its valves, which the operator checks daily. " * 8
RIGHT = "The right column tells of the filter hall and of its drains, which are rinsed each week. " * 8


def read(data: bytes) -> Digest:
    return digest(data, PDF)


def holding(found: Digest, words: str) -> list[str]:
    return [found.text[unit.start : unit.end] for unit in found.units if words in found.text[unit.start : unit.end]]


def test_every_unit_names_its_page_and_headers_and_footers_are_gone() -> None:
    found = read(pdf_of([f"Clause about matter number {name}." for name in ("alpha", "beta", "gamma", "delta")]))
    assert [unit.page for unit in found.units] == [1, 2, 3, 4]
    assert found.pages == 4
    assert "Larkfield" not in found.text
    assert "Page" not in found.text
    for unit in found.units:
        start = found.page_starts[(unit.page or 0) - 1]
        end = (*found.page_starts, len(found.text))[unit.page or 0]
        assert start <= unit.start < unit.end <= end


def test_two_columns_are_read_one_after_the_other() -> None:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=9)
    for x, text in ((10, LEFT), (110, RIGHT)):
        pdf.set_xy(x, 20)
        pdf.multi_cell(85, 5, text)
    found = read(pdf_bytes(pdf))
    words = " ".join(found.text.split())
    assert LEFT.strip() in words
    assert RIGHT.strip() in words
    assert words.index("left column") < words.index("right column")


def test_two_columns_drawn_line_by_line_are_read_one_after_the_other() -> None:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=9)
    for number in range(12):
        for x, side in ((10, "left"), (110, "right")):
            pdf.set_xy(x, 20 + 5 * number)
            pdf.cell(85, 5, f"line {number} of what stands on the {side} side of it")
    words = " ".join(read(pdf_bytes(pdf)).text.split())
    assert words.index("line 11 of what stands on the left") < words.index("line 0 of what stands on the right")


def test_a_ruled_table_gives_a_unit_for_each_row_with_its_column_names() -> None:
    pdf = paper()
    pdf.add_page()
    pdf.say("4.1 Service hours", size=12, style="B")
    with pdf.table() as table:
        for cells in (
            ("Component", "Normal hours", "Peak season"),
            ("Order Capture", "24 hours on every day of the year without any exception at all", "06:00 to 23:00"),
            ("Stock Allocation", "05:00 to 23:59", "24 hours"),
        ):
            table.row(cells)
    found = read(pdf_bytes(pdf))
    rows = [unit for unit in found.units if unit.kind == "row"]
    assert [found.text[row.start : row.end] for row in rows] == [
        "Order Capture\t24 hours on every day of the year without any exception at all\t06:00 to 23:00",
        "Stock Allocation\t05:00 to 23:59\t24 hours",
    ]
    assert "Normal hours: 05:00 to 23:59; Peak season: 24 hours" in rows[1].search_text
    assert rows[1].headings == ("4.1 Service hours",)


def test_a_table_that_goes_on_over_the_page_keeps_its_column_names() -> None:
    pdf = paper()
    pdf.add_page()
    pdf.set_font("Helvetica", size=10)
    with pdf.table(first_row_as_headings=True) as table:
        table.row(("Bolt", "Capacity"))
        for number in range(60):
            table.row((f"Size {number}", f"{number * 3} kN"))
    found = read(pdf_bytes(pdf))
    last = found.units[-1]
    assert found.text[last.start : last.end] == "Size 59\t177 kN"
    assert "Capacity: 177 kN" in last.search_text
    assert last.page == found.pages == 2 or last.page == found.pages


def test_clause_numbers_set_apart_are_no_table_cells() -> None:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=10)
    for number in range(1, 5):
        pdf.set_xy(10, 20 + 12 * number)
        pdf.cell(15, 5, f"7.{number}")
        pdf.cell(0, 5, f"The tenant shall pay for item {number} within ten days of the demand.")
    found = read(pdf_bytes(pdf))
    assert {unit.kind for unit in found.units} == {"clause"}
    assert holding(found, "item 3") == ["7.3 The tenant shall pay for item 3 within ten days of the demand."]


def test_headings_make_the_path_of_what_stands_below_them() -> None:
    pdf = paper()
    pdf.add_page()
    pdf.say("Part A Supply", size=18, style="B")
    pdf.say("4. Payment", size=13, style="B")
    pdf.say("4.2 Late payment", size=11, style="B")
    pdf.say("Interest runs at four per cent a year from the due date until the day of payment.")
    unit = read(pdf_bytes(pdf)).units[-1]
    assert unit.headings[-2:] == ("4. Payment", "4.2 Late payment")


def test_a_paragraph_that_runs_over_a_page_is_one_and_its_tail_has_the_next_page() -> None:
    pdf = paper()
    pdf.add_page()
    pdf.set_y(255)
    words = " ".join(f"word{number}" for number in range(160))
    pdf.say(f"The obligation begins here and {words} and ends there.")
    found = read(pdf_bytes(pdf))
    start = found.text.index("ends there")
    assert found.page_starts[1] <= start
    assert found.text[found.page_starts[1]].islower()


def test_a_word_broken_at_the_line_end_is_whole_again() -> None:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=10)
    pdf.set_xy(10, 20)
    pdf.cell(0, 5, "The parties agree on the termi-")
    pdf.set_xy(10, 25)
    pdf.cell(0, 5, "nation of the lease with effect from May.")
    assert "termination of the lease" in read(pdf_bytes(pdf)).text


def test_entries_of_a_table_of_contents_are_not_found() -> None:
    pdf = paper()
    pdf.add_page()
    pdf.say("7.1 Deposits ............................................ 12")
    pdf.say("The deposit is returned within thirty days after the end of the lease.")
    found = read(pdf_bytes(pdf))
    assert holding(found, "Deposits ....") == []
    assert "Deposits ...." in found.text


def test_scanned_pages_are_named_in_the_note() -> None:
    parsed = parse(scanned_pdf(["A page with text that can be read.", "", ""]))
    assert parsed.note == "No text on pages 2, 3 (scanned?); nothing there can be found."
    assert parsed.pages == 3


def test_a_running_footer_that_names_each_section_once_is_known_by_its_counting() -> None:
    pdf = FPDF()
    pdf.set_auto_page_break(False)
    sections = ("Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta")
    for number, name in enumerate(sections, start=3):
        pdf.add_page()
        pdf.set_font("Helvetica", size=10)
        pdf.cell(0, 6, f"The matter of {name} is told here in full.")
        pdf.set_y(-15)
        pdf.set_font("Helvetica", "B", 8)
        pdf.cell(0, 6, f"{number} Chapter on {name}" if number % 2 else f"2.{number}. Of {name} {number}")
    found = read(pdf_bytes(pdf))
    assert [found.text[unit.start : unit.end] for unit in found.units] == [
        f"The matter of {name} is told here in full." for name in sections
    ]
    assert "Chapter on" not in found.text
    assert "2.4." not in found.text


def test_no_entry_of_a_table_of_contents_is_an_answer() -> None:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=10)
    dots = " ." * 40
    entries = (
        ("1 Purpose", 3),
        (f"1.1 Scope{dots}", 3),
        (f"1.2 Terms{dots}", 4),
        ("2 Duties", 5),
        (f"2.1 Care{dots}", 5),
    )
    for words, page in entries:
        pdf.cell(150, 6, words)
        pdf.cell(30, 6, str(page), align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.add_page()
    pdf.multi_cell(0, 6, "Whoever holds a key returns it within two days of leaving.")
    found = read(pdf_bytes(pdf))
    assert [(unit.page, found.text[unit.start : unit.end]) for unit in found.units] == [
        (2, "Whoever holds a key returns it within two days of leaving.")
    ]


def test_pages_that_all_say_the_same_are_kept() -> None:
    found = read(scanned_pdf(["The berth is closed in winter."] * 3))
    assert [found.text[unit.start : unit.end] for unit in found.units] == ["The berth is closed in winter."] * 3
