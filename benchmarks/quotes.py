"""How much of what can be quoted from a PDF stands on its page, and how much of each page is kept.

`python -m benchmarks.quotes FILE.pdf … [--show 20]`

Every sentence of every unit is looked for in what PDFium alone says of the page that the unit names, white space and
ligatures normalised, words broken at a line's end joined. A sentence that runs on to the next page is looked for in
two parts. A page is thin when less than `THIN` of its letters are in the stored text.
"""

import argparse
import json
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pypdfium2

from patchbay.products.plugs.engine.chunking.compose import page_at
from patchbay.products.plugs.engine.chunking.sentences import split_sentences
from patchbay.products.plugs.engine.digest import Digest, digest
from patchbay.products.plugs.engine.parsing.detect import PDF

THIN = 0.7


@dataclass(slots=True)
class Found:
    """What one file gave: sentences looked for, those missing with their page, thin pages with their share."""

    sentences: int = 0
    missing: list[tuple[int, str]] = field(default_factory=list)
    thin: list[tuple[int, float]] = field(default_factory=list)


def page_texts(data: bytes) -> list[str]:
    """Return what PDFium says of each page, words joined."""
    document = pypdfium2.PdfDocument(data)
    texts = []
    for page in document:
        textpage = page.get_textpage()
        texts.append(textpage.get_text_range().replace("\ufffe\r\n", "").replace("\ufffe", ""))
        textpage.close()
        page.close()
    document.close()
    return texts


def normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text.replace("\u00ad", "")).split())


def spans(found: Digest) -> Iterator[tuple[int, str]]:
    """Yield page and words of each sentence of each unit; of one over a page's end, each part."""
    for unit in found.units:
        text = found.text[unit.start : unit.end]
        for left, right in split_sentences(text):
            start, end = unit.start + left, unit.start + right
            while start < end:
                page = page_at(found.page_starts, start) or 1
                following = min(end, found.page_starts[page]) if page < len(found.page_starts) else end
                yield page, found.text[start:following]
                start = following


def measure(data: bytes) -> Found:
    """Compare a file's units with its pages."""
    texts = [normal(text) for text in page_texts(data)]
    read = digest(data, PDF)
    found = Found()
    starts = list(read.page_starts)
    for page, words in spans(read):
        quote = normal(words)
        found.sentences += 1
        if quote not in texts[page - 1]:
            found.missing.append((page, quote))
    for number, (text, start, end) in enumerate(
        zip(texts, starts, [*starts[1:], len(read.text)], strict=True), start=1
    ):
        letters = sum(map(str.isalnum, text))
        kept = sum(map(str.isalnum, read.text[start:end]))
        if kept < THIN * letters:
            found.thin.append((number, round(kept / letters, 2)))
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("files", nargs="+", type=Path)
    arguments.add_argument("--show", type=int, default=0, help="missing sentences to print of each file")
    options = arguments.parse_args()
    sentences = missing = 0
    for path in options.files:
        found = measure(path.read_bytes())
        sentences += found.sentences
        missing += len(found.missing)
        share = 1 - len(found.missing) / max(1, found.sentences)
        print(f"{path.name:28} {found.sentences:6} sentences {share:8.2%} true, thin: {found.thin}")
        for page, quote in found.missing[: options.show]:
            print(f"    p. {page}: {quote[:300]}")
        sys.stdout.flush()
    print(json.dumps({"sentences": sentences, "quotes_true": round(1 - missing / max(1, sentences), 4)}))


if __name__ == "__main__":
    main()
