"""Whatever the file is, reading it ends with a digest or a reason, and the reader lives on."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest

from patchbay.products.plugs.engine.parsing import detect
from patchbay.products.plugs.engine.parsing.blocks import UnreadableError
from patchbay.products.plugs.engine.parsing.text import LEGACY
from patchbay.products.plugs.engine.reader.client import Reader
from tests.products.plugs import files

BOMB_ENTITY = b"""<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">
<!ENTITY b "&a;&a;&a;">]><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>
<w:p><w:r><w:t>root says &b;</w:t></w:r></w:p></w:body></w:document>"""


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


def write(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


def test_every_format_is_read_in_the_sandbox(reader: Reader, tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph(files.SENTENCE)
    for media_type, data in {
        detect.PDF: files.pdf_of([files.SENTENCE]),
        detect.DOCX: files.docx_bytes(document),
        detect.HTML: f"<p>{files.SENTENCE}</p>".encode(),
        detect.MARKDOWN: files.SENTENCE.encode(),
        detect.TEXT: files.SENTENCE.encode("utf-16"),
    }.items():
        assert files.SENTENCE in " ".join(reader.read(write(tmp_path, data), media_type).text.split()), media_type


@pytest.mark.parametrize(
    ("media_type", "data", "reason"),
    [
        (detect.PDF, files.encrypted_pdf(), "encrypted"),
        (detect.PDF, files.scanned_pdf(["", ""]), "no text on any page"),
        (detect.PDF, files.pdf_of([files.SENTENCE])[:300], "damaged|no pages"),
        (detect.PDF, b"%PDF-1.7\n" + os.urandom(5000), "damaged|no pages"),
        (detect.DOCX, files.docx_bomb(), "unpacks to far more"),
        (detect.DOCX, b"PK\x03\x04" + os.urandom(3000), "damaged"),
        (detect.DOCX, files.docx_with_document(b"<w:document"), "damaged"),
        (detect.HTML, b"<html><script>only()</script></html>", "no text"),
        (detect.MARKDOWN, b"   \n\n---\n", "no text"),
        (detect.MARKDOWN, b"a " * (25 * 1024 * 1024), "more than 5,000,000 characters"),
        (detect.TEXT, b"a\n\n" * 2_000_000, "more than 5,000,000 characters"),
    ],
    ids=str.split("encrypted scanned truncated garbage bomb noise xml script empty line-of-50-mb endless"),
)
def test_a_bad_file_is_refused_with_its_reason(
    reader: Reader, tmp_path: Path, media_type: str, data: bytes, reason: str
) -> None:
    started = time.monotonic()
    with pytest.raises(UnreadableError, match=reason):
        reader.read(write(tmp_path, data), media_type)
    assert time.monotonic() - started < 30


def test_every_encoding_a_page_may_declare_is_there_in_the_sandbox(reader: Reader, tmp_path: Path) -> None:
    for charset in LEGACY:
        page = f'<meta charset="{charset}"><p>{files.SENTENCE}</p>'.encode()
        assert reader.read(write(tmp_path, page), detect.HTML).text == files.SENTENCE


@pytest.mark.parametrize("media_type", [detect.TEXT, detect.MARKDOWN, detect.HTML])
def test_an_encoding_that_nobody_names_is_told_in_the_sandbox(reader: Reader, tmp_path: Path, media_type: str) -> None:
    sentence = "Срок оплаты составляет тридцать дней со дня получения счёта."
    page = f"<p>{sentence}</p>" if media_type == detect.HTML else sentence
    assert reader.read(write(tmp_path, page.encode("cp1251")), media_type).text == sentence


def test_no_entity_of_a_word_document_reads_a_file(reader: Reader, tmp_path: Path) -> None:
    try:
        text = reader.read(write(tmp_path, files.docx_with_document(BOMB_ENTITY)), detect.DOCX).text
    except UnreadableError:
        text = ""
    assert "root:" not in text


def test_a_truncated_pdf_gives_what_can_be_read_or_a_reason(reader: Reader, tmp_path: Path) -> None:
    whole = files.pdf_of([f"{files.SENTENCE} {number}" for number in range(8)])
    for part in (0.3, 0.6, 0.9, 0.99):
        try:
            found = reader.read(write(tmp_path, whole[: int(len(whole) * part)]), detect.PDF)
        except UnreadableError:
            continue
        else:
            assert "Supplier" in found.text


def test_slow_work_ends_at_its_limit_and_the_next_file_is_read(reader: Reader, tmp_path: Path) -> None:
    path = write(tmp_path, b"Sentence one. " * 300_000)
    with pytest.raises(UnreadableError, match="too long"):
        reader.read(path, detect.TEXT, wall_seconds=0.05)
    assert reader.read(write(tmp_path, b"Fine."), detect.TEXT).text == "Fine."


def test_greedy_work_ends_at_its_memory_limit(reader: Reader, tmp_path: Path) -> None:
    path = write(tmp_path, b"Sentence one. " * 300_000)
    with pytest.raises(UnreadableError, match=r"memory|damaged"):
        reader.read(path, detect.TEXT, memory_bytes=48 << 20)
    assert reader.read(write(tmp_path, b"Fine."), detect.TEXT).text == "Fine."


def test_a_reader_that_was_killed_is_started_anew(reader: Reader, tmp_path: Path) -> None:
    path = write(tmp_path, b"Fine.")
    reader.read(path, detect.TEXT)
    assert reader.pid
    os.kill(reader.pid, signal.SIGKILL)
    assert reader.read(path, detect.TEXT).text == "Fine."


def test_threads_take_turns(reader: Reader, tmp_path: Path) -> None:
    path = write(tmp_path, b"Fine.")
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(reader.read(path, detect.TEXT).text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert texts == ["Fine."] * 4
