"""CPU from upload to Ready by keyword, over that of pypdfium2 alone extracting the text of the same 200-page PDF.

`python -m benchmarks.ingest [--pages 200] [--rounds 9]`

Ready counts everything: hashing and storing the file, the reader process and its child, units, search, events, audit.
Both sides run in turns and warm. Each round is put over the mean of the bare runs before and after it, and the median
of the rounds counts, so that what else the machine does weighs on both sides alike. The peak is the worker's, its
reader host's and that of the host's child together, over the PDF and a Markdown file of one 50 MB line; pages that host
and child share count twice.
"""

import argparse
import io
import itertools
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from typing import Any

os.environ["PATCHBAY_DATA_DIR"] = tempfile.mkdtemp(prefix="patchbay-bench-ingest-")
os.environ["DJANGO_SETTINGS_MODULE"] = "patchbay.config.settings"

import django
import pypdfium2
import structlog
from fpdf import FPDF

KNOWLEDGE = Path(__file__).resolve().parent.parent / "patchbay" / "products" / "plugs" / "knowledge"
LINE_BYTES = 50 * 1024 * 1024


class Pages(FPDF):
    """A page with a running header and a numbered footer."""

    def header(self) -> None:
        self.set_font("Helvetica", "I", 8)
        self.cell(0, 8, "Conditions of Service, Volume 2", new_x="LMARGIN", new_y="NEXT")

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", "I", 8)
        self.cell(0, 10, f"Page {self.page_no()}", align="C")


def make_pdf(pages: int) -> bytes:
    """Set the shipped documents again and again, each time with other numbers, until there are enough pages."""
    pdf = Pages()
    pdf.set_auto_page_break(True, margin=20)
    pdf.add_page()
    for number, (kind, text) in enumerate(_lines()):
        if pdf.page_no() > pages:
            break
        if kind == "heading":
            pdf.set_font("Helvetica", "B", 12)
            pdf.multi_cell(0, 8, text, new_x="LMARGIN", new_y="NEXT")
        elif kind == "row":
            pdf.set_font("Helvetica", "", 9)
            cells = [cell.strip()[:28] for cell in text.strip("| ").split("|")]
            for cell in cells:
                pdf.cell(180 / len(cells), 6, cell, border=1)
            pdf.ln(6)
        else:
            pdf.set_font("Helvetica", "", 10)
            pdf.multi_cell(0, 5, f"{text} ({number})", new_x="LMARGIN", new_y="NEXT")
            pdf.ln(2)
    return bytes(pdf.output())


def _lines() -> Iterator[tuple[str, str]]:
    sources = [path.read_text().splitlines() for path in sorted(KNOWLEDGE.glob("*/*.md"))]
    for line in itertools.cycle(itertools.chain.from_iterable(sources)):
        text = line.encode("latin-1", "replace").decode("latin-1").replace("**", "")
        if not text.strip() or set(text) <= set("|-: "):
            continue
        yield ("heading" if line.startswith("#") else "row" if line.startswith("|") else "text"), text.lstrip("# ")


def bare(data: bytes) -> float:
    """CPU seconds of PDFium alone."""
    start = time.process_time()
    document = pypdfium2.PdfDocument(data)
    for page in document:
        textpage = page.get_textpage()
        textpage.get_text_range()
        textpage.close()
        page.close()
    document.close()
    return time.process_time() - start


class Ingest:
    """Uploads into an instance of its own and counts the CPU of this process and of its reader."""

    def __init__(self) -> None:
        from patchbay.kernel.accounts import services as accounts
        from patchbay.products.plugs import services as plugs

        self.actor = accounts.register(
            email="bench@example.com", password="lantern-harbour-82", company="Bench"
        ).actor()
        self.plug = plugs.create_plug(actor=self.actor, name="Bench")

    def run(self, data: bytes, name: str) -> tuple[float, Any]:
        from django.core.files.base import ContentFile

        from patchbay.products.plugs import services as plugs
        from patchbay.products.plugs.models import Document

        start = self._cpu()
        document = plugs.upload_document(actor=self.actor, plug=self.plug, file=ContentFile(data), filename=name)
        assert document.latest
        plugs.index_version(document.latest.pk)
        used = self._cpu() - start
        return used, Document.objects.select_related("latest").get(pk=document.pk).latest

    @staticmethod
    def host_peak() -> int:
        """The most bytes that the reader host held."""
        from patchbay.products.plugs.engine.reader.client import get_reader

        status = Path(f"/proc/{get_reader().pid}/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])

    @staticmethod
    def _cpu() -> float:
        from patchbay.products.plugs.engine.reader.client import get_reader

        reader = get_reader().pid
        ticks = 0
        if reader:
            fields = Path(f"/proc/{reader}/stat").read_text().rpartition(")")[2].split()
            ticks = sum(map(int, fields[11:15]))  # user and system, its own and its children's
        return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


class PeakLog:
    """Keeps the largest peak that the reader reported."""

    def __init__(self) -> None:
        self.peak = 0

    def __call__(self, logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        self.peak = max(self.peak, event.get("peak_bytes", 0))
        raise structlog.DropEvent


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pages", type=int, default=200)
    arguments.add_argument("--rounds", type=int, default=9)
    options = arguments.parse_args()
    peaks = PeakLog()
    structlog.configure(processors=[peaks])
    django.setup()
    from django.core.management import call_command

    from patchbay.config.cli.boot import keep_in_memory

    call_command("migrate", verbosity=0)
    ingest = Ingest()
    ingest.run(b"# Warm\n\nEverything is imported by now.\n", "warm.md")
    data = make_pdf(options.pages)
    ingest.run(data + b"\n% warm", "warm.pdf")
    keep_in_memory()  # as a worker does
    alone, ready = [bare(data)], []
    for number in range(options.rounds):
        used, version = ingest.run(data + b"\n%% %d" % number, f"round {number}.pdf")
        assert version.status == "ready", version.error
        ready.append(used)
        alone.append(bare(data))
    ratios = [used / mean(around) for used, around in zip(ready, itertools.pairwise(alone), strict=True)]
    line = io.BytesIO(b"word " * (LINE_BYTES // 5)).getvalue()
    started = time.perf_counter()
    _, refused = ingest.run(line, "line.md")
    seconds = time.perf_counter() - started
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - len(line)
    figures = {
        "over_bare_parser": round(median(ratios), 2),
        "peak_rss_mb": round((own + peaks.peak + ingest.host_peak()) / 1e6),
        "bare_cpu_s": round(median(alone), 3),
        "ready_cpu_s": round(median(ready), 3),
        "pages": version.pages,
        "chunks": version.chunks,
    }
    for name, figure in figures.items():
        print(f"{name:20} {figure}")
    print(f"{'rounds':20} {min(ratios):.2f} to {max(ratios):.2f}")
    print(f"one 50 MB line       {refused.status} after {seconds:.1f} s: {refused.error}")
    print(json.dumps({"bench": "bench-ingest", "figures": figures}))


if __name__ == "__main__":
    main()
