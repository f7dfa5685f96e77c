"""Builds the files of the tests, good and bad, from nothing."""

import io
import zipfile
from collections.abc import Mapping, Sequence

import docx
from fpdf import FPDF

SENTENCE = "The Supplier shall keep the records of each delivery for six years after it was made."


class Paper(FPDF):
    """A4 pages with a running header and numbered footers."""

    def header(self) -> None:
        self.set_font("Helvetica", "I", 8)
        self.cell(0, 8, "Larkfield Conditions of Supply", new_x="LMARGIN", new_y="NEXT")
        self.ln(4)

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", "I", 8)
        self.cell(0, 10, f"Page {self.page_no()} of 9", align="C")

    def say(self, text: str, *, size: int = 10, style: str = "") -> None:
        self.set_font("Helvetica", style, size)
        self.multi_cell(0, size / 2, text, new_x="LMARGIN", new_y="NEXT")
        self.ln(3)


def paper() -> Paper:
    pdf = Paper()
    pdf.set_auto_page_break(True, margin=20)
    return pdf


def pdf_bytes(pdf: FPDF) -> bytes:
    return bytes(pdf.output())


def pdf_of(pages: Sequence[str]) -> bytes:
    """A PDF with one paragraph on each page; an empty one is left blank."""
    pdf = paper()
    for text in pages:
        pdf.add_page()
        if text:
            pdf.say(text)
    return pdf_bytes(pdf)


def scanned_pdf(texts: Sequence[str]) -> bytes:
    """A PDF whose pages are pictures where the text is empty, without header or footer."""
    pdf = FPDF()
    for text in texts:
        pdf.add_page()
        if text:
            pdf.set_font("Helvetica", size=10)
            pdf.multi_cell(0, 5, text)
        else:
            pdf.image(io.BytesIO(PIXEL), x=10, y=10, w=150)
    return pdf_bytes(pdf)


def encrypted_pdf() -> bytes:
    pdf = paper()
    pdf.add_page()
    pdf.say(SENTENCE)
    pdf.set_encryption(owner_password="owner", user_password="secret")
    return pdf_bytes(pdf)


def docx_bytes(document: "docx.document.Document") -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def docx_bomb() -> bytes:
    """A Word document of a few kilobytes whose text unpacks to 300 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w", force_zip64=True) as part:
            part.write(b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>')
            for _ in range(300):
                part.write(b" " * (1 << 20))
            part.write(b"</w:body></w:document>")
    return buffer.getvalue()


def docx_with_document(xml: bytes) -> bytes:
    return docx_of_parts({"word/document.xml": xml})


def docx_of_parts(parts: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, xml in parts.items():
            archive.writestr(name, xml)
    return buffer.getvalue()


def _png() -> bytes:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + b"\x55" * 8 for _ in range(8))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PIXEL = _png()
