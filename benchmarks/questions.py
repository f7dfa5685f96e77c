"""How well plugs answer offline: questions over documents of three fields, through the product's own path.

    python -m benchmarks.questions --split train|dev|real|held|all [--list]

Each question goes through retrieval, the prompt, the offline model and the verifying reader. Right means answered with
a quote, from the right document, that holds the fact; a claim is any answer but uncertain or declined.
"""

import argparse
import json
import platform
import statistics
import time
from dataclasses import dataclass

from benchmarks.harness.questions import Item, Library, holds_fact

SPLITS = {"all": ("dev", "held")}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a question; `page` is None for documents without pages, `quotes_true` None without citations."""

    item: Item
    outcome: str
    right: bool
    page: bool | None
    quotes_true: bool | None
    milliseconds: float


def ask(library: Library, item: Item) -> Result:
    """Ask one question and judge the answer."""
    from patchbay.products.gateway.providers.offline.answer import write_answer
    from patchbay.products.plugs.engine.answering.prepare import DocumentAnswering

    begin = time.perf_counter()
    prepared = DocumentAnswering().prepare(library.question(item))
    for piece in write_answer(prepared.evidence, library.embedder):
        prepared.reader.feed(piece)
    prepared.reader.finish()
    milliseconds = (time.perf_counter() - begin) * 1000
    verdict = prepared.reader.verdict
    own = [citation for citation in verdict.citations if citation.title == item.title]
    right = verdict.outcome == "answered" and holds_fact(item, [citation.quote for citation in own])
    pages = {citation.page for citation in own}
    answer_pages = library.answer_pages(item)
    return Result(
        item=item,
        outcome=verdict.outcome,
        right=right,
        page=bool(answer_pages & pages) if answer_pages and verdict.outcome == "answered" else None,
        quotes_true=all(library.stands(citation) for citation in verdict.citations) if verdict.citations else None,
        milliseconds=milliseconds,
    )


def figures(results: list[Result]) -> dict[str, float]:
    """Return the figures of a run, shares from 0 to 1."""
    answerable = [each for each in results if each.item.answerable]
    others = [each for each in results if not each.item.answerable]
    near = [each for each in others if each.item.kind == "near_miss"]
    claimed = [each for each in answerable if each.outcome == "answered"]
    return {
        "answer": _share([each.right for each in answerable]),
        "fact_if_answered": _share([each.right for each in claimed]),
        "uncertain": _share([each.outcome == "uncertain" for each in answerable]),
        "false_declines": _share([each.outcome == "declined" for each in answerable]),
        "declined": _share([each.outcome != "answered" for each in others]),
        "near_miss_declined": _share([each.outcome != "answered" for each in near]),
        "quotes_verified": _share([each.quotes_true for each in results if each.quotes_true is not None]),
        "page_cited": _share([each.page for each in answerable if each.page is not None]),
        "p50_ms": round(statistics.median(each.milliseconds for each in results), 1),
        "p95_ms": round(statistics.quantiles([each.milliseconds for each in results], n=20)[-1], 1),
        "questions": len(results),
    }


def _share(hits: list[bool]) -> float:
    return round(sum(hits) / len(hits), 3) if hits else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=["train", "dev", "real", "held", "all"], default="dev")
    parser.add_argument("--list", action="store_true", help="print every question with its outcome")
    options = parser.parse_args()
    with Library() as library:
        items = [item for item in library.items if item.split in SPLITS.get(options.split, (options.split,))]
        ask(library, items[0])  # loads the encoder
        results = [ask(library, item) for item in items]
    if options.list:
        for each in results:
            mark = "right" if each.right else ""
            print(f"{each.item.id:16} {each.item.kind:12} {each.outcome:10} {mark:6} {each.item.question}")
    found = figures(results)
    print(f"Python {platform.python_version()}, split {options.split}")
    for name, value in found.items():
        print(f"{name:20} {value}")
    print(json.dumps({"bench": "questions", "figures": found}))


if __name__ == "__main__":
    main()
