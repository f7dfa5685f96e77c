"""Reads a PDF with PDFium and puts the parts together."""

import itertools
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from patchbay.products.plugs.engine.parsing.blocks import Parsed, TextBudget, UnreadableError
from patchbay.products.plugs.engine.parsing.pdf.flow import Flow, Sheet
from patchbay.products.plugs.engine.parsing.pdf.fonts import Fonts
from patchbay.products.plugs.engine.parsing.pdf.furniture import drop_furniture
from patchbay.products.plugs.engine.parsing.pdf.layout import order_lines
from patchbay.products.plugs.engine.parsing.pdf.probe import Probe
from patchbay.products.plugs.engine.parsing.pdf.rules import horizontal_rules
from patchbay.products.plugs.engine.parsing.pdf.segments import MIDDLE, PageText, Segment
from patchbay.products.plugs.engine.parsing.pdf.tables import MAX_GAP

MAX_PAGES = 5_000
_SHOWN = 12
_SAME_LINE = 4.0  # points
_WIDE = 0.6  # of the text's width: a piece this wide is a line of prose


def parse(data: bytes) -> Parsed:
    """Parse a PDF; UnreadableError for one that is encrypted, damaged or without text."""
    document = _open(data)
    try:
        return _read(document)
    finally:
        document.close()


def _open(data: bytes) -> Any:
    try:
        document = pypdfium2.PdfDocument(data)
        pages = len(document)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD:
            raise UnreadableError("The PDF is encrypted. Remove its password and upload it again.") from error
        raise UnreadableError("The PDF is damaged and cannot be read.") from error
    if not pages:
        raise UnreadableError("The PDF has no pages that can be read; it may be cut off.")
    if pages > MAX_PAGES:
        raise UnreadableError(f"The PDF has more than {MAX_PAGES:,} pages. Split it.")
    return document


def _read(document: Any) -> Parsed:
    budget = TextBudget()
    fonts = Fonts()
    pages: list[list[Segment]] = []
    heights: list[float] = []
    rules: list[list[float]] = []
    blank: list[int] = []
    damaged: list[int] = []
    for number in range(1, len(document) + 1):
        try:
            page = document[number - 1]
        except pypdfium2.PdfiumError:
            damaged.append(number)
            found: tuple[list[Segment], float, list[float]] = ([], 0.0, [])
        else:
            found = _page(page, budget, fonts)
            if not found[0] and _has_image(page):
                blank.append(number)
            page.close()
        pages.append(found[0])
        heights.append(found[1])
        rules.append(found[2])
    if not any(pages):
        raise UnreadableError(
            "There is no text on any page (a scan?). Run text recognition (OCR) on it and upload the result."
        )
    flow = Flow()
    cleaned = drop_furniture(pages, heights)
    sheets = [
        Sheet(number, order_lines(segments), drawn)
        for number, (segments, drawn) in enumerate(zip(cleaned, rules, strict=True), start=1)
    ]
    return Parsed(flow.blocks(sheets), len(pages), _note(blank, damaged))


def _page(page: Any, budget: TextBudget, fonts: Fonts) -> tuple[list[Segment], float, list[float]]:
    textpage = page.get_textpage()
    try:
        characters = textpage.count_chars()
        text = budget.spend(textpage.get_text_range()) if characters else ""
        segments = PageText(Probe(textpage, fonts), text, characters).segments()
    finally:
        textpage.close()
    rules = horizontal_rules(page) if _may_wrap_cells(segments) else []
    return segments, page.get_height(), rules


def _may_wrap_cells(segments: list[Segment]) -> bool:
    """Whether uneven lines may be of one table: only then does it matter where rows are ruled off."""
    if not segments:
        return False
    wide = _WIDE * (max(segment.right for segment in segments) - min(segment.left for segment in segments))
    counts: list[int] = []  # pieces of each line; 0 where no table goes on: a line of prose, or much white
    last: Segment | None = None
    for segment in sorted(segments, key=MIDDLE, reverse=True):
        if last and last.middle - segment.middle < _SAME_LINE:
            counts[-1] += 1
            continue
        if last and last.middle - segment.middle > MAX_GAP * segment.size:
            counts.append(0)
        counts.append(0 if segment.right - segment.left > wide else 1)
        last = segment
    runs = (list(run) for inside, run in itertools.groupby(counts, bool) if inside)
    return any(_is_uneven(run) for run in runs)


def _is_uneven(counts: list[int]) -> bool:
    """Whether the lines from the first with several pieces to the last have different numbers of them."""
    several = [at for at, count in enumerate(counts) if count > 1]
    return bool(several) and len(set(counts[several[0] : several[-1] + 1])) > 1


def _has_image(page: Any) -> bool:
    count = pdfium.FPDFPage_CountObjects(page)
    kinds = (pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page, at)) for at in range(min(count, 200)))
    return any(kind in (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM) for kind in kinds)


def _note(blank: list[int], damaged: list[int]) -> str:
    notes = []
    if blank:
        notes.append(f"No text on page{_list(blank)} (scanned?); nothing there can be found.")
    if damaged:
        notes.append(f"Damaged and left out: page{_list(damaged)}.")
    return " ".join(notes)


def _list(pages: list[int]) -> str:
    shown = ", ".join(map(str, pages[:_SHOWN]))
    more = f" and {len(pages) - _SHOWN} more" if len(pages) > _SHOWN else ""
    return f"{'s' if len(pages) > 1 else ''} {shown}{more}"
