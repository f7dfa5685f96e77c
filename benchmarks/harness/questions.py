"""Questions with known answers over documents of three fields, in a database of their own.

`data/questions/<field>/questions.json` holds the questions, `long.md` a long document that is typeset as a PDF and
read back; the others are the documents that ship with the first-party plugs. `licences`, `office` and `works` serve
fitting alone (split `train`). The documents of `debian` (split `real`) are manuals that Debian packages: its questions
are left out where `debian-policy` and `developers-reference` are not installed. Splits `dev` and `held` are halves of
the questions that measure. Set `PATCHBAY_DATA_DIR` to keep what was read and embedded for the next run.
"""

import gzip
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from benchmarks.render import render

if TYPE_CHECKING:
    from patchbay.kernel.search.contracts import WordEmbedder
    from patchbay.products.gateway.engine.contracts import Evidence
    from patchbay.products.plugs.engine.contracts import Citation, Question

DATA = Path(__file__).resolve().parent.parent / "data" / "questions"
KNOWLEDGE = Path(__file__).resolve().parents[2] / "patchbay" / "products" / "plugs" / "knowledge"
FIELDS = ("legal", "healthcare", "engineering", "licences", "debian", "office", "works")
OWNER = "org_benchmark"


@dataclass(frozen=True, slots=True)
class Item:
    """A question; an answerable one names its document's title and strings of which a right answer quotes one."""

    id: str
    field: str
    title: str
    question: str
    kind: str
    facts: tuple[str, ...]
    quotes: tuple[str, ...]
    split: str

    @property
    def answerable(self) -> bool:
        return self.kind == "answerable"


def load_items() -> list[Item]:
    """Return all questions."""
    items = []
    for field in FIELDS:
        rows = [row for path in sorted((DATA / field).glob("*.json")) for row in json.loads(path.read_text("utf-8"))]
        for row in rows:
            if row["document"].startswith("/") and not Path(row["document"]).exists():
                continue
            title = f"{field}-long" if row["document"].startswith("eval/") else _title(row["document"])
            known = {name: row[name] for name in ("id", "question", "kind", "split")}
            quotes = tuple(quote for quote in (row["quote"], *row.get("also", ())) if quote)
            items.append(Item(field=field, title=title, facts=tuple(row["facts"]), quotes=quotes, **known))
    return items


class Library:
    """The documents of every field, each field a plug, indexed and embedded; a context manager."""

    def __init__(self) -> None:
        self.items = load_items()
        self._throw_away = None if os.environ.get("PATCHBAY_DATA_DIR") else tempfile.mkdtemp(prefix="patchbay-bench-")
        if self._throw_away:
            os.environ["PATCHBAY_DATA_DIR"] = self._throw_away
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "patchbay.config.settings")

    def __enter__(self) -> Self:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        self._plugs = {field: _load(field) for field in FIELDS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._throw_away:
            shutil.rmtree(self._throw_away, ignore_errors=True)

    @property
    def embedder(self) -> "WordEmbedder | None":
        from patchbay.kernel.search.embedder import get_word_embedder

        return get_word_embedder()

    def question(self, item: Item) -> "Question":
        from patchbay.products.plugs.engine.contracts import Question

        return Question(OWNER, self._plugs[item.field], OWNER, "", item.question)

    def evidence(self, item: Item, *, semantic: bool) -> tuple["Evidence", frozenset[int]]:
        """Return what retrieval finds and the numbers of the passages that answer."""
        from patchbay.kernel.search import embedder
        from patchbay.products.plugs.engine.answering.retrieve import retrieve

        embedder.set_provider(None if semantic else lambda: None)
        try:
            found = retrieve(self.question(item)).evidence
        finally:
            embedder.set_provider(None)
        gold = {
            passage.number
            for passage in found.passages
            if passage.title == item.title and holds_fact(item, [passage.text])
        }
        return replace(found), frozenset(gold)

    def stands(self, citation: "Citation") -> bool:
        """Say whether the quote is what its document's stored text holds between its offsets."""
        text = self._body(citation.document_id).text
        return bool(text[citation.start : citation.end] == citation.quote)

    def answer_pages(self, item: Item) -> set[int]:
        """Return the pages on which the item's facts stand; none for a document without pages."""
        from patchbay.products.plugs.models import Unit, VersionText

        units = Unit.objects.filter(
            version__document__plug_id=self._plugs[item.field], version__document__title=item.title, page__isnull=False
        )
        text = VersionText.objects.get(version=units[0].version_id).text if units else ""
        return {unit.page for unit in units if holds_fact(item, [text[unit.start : unit.end]])}

    def _body(self, document_id: str) -> Any:
        from patchbay.products.plugs.models import VersionText

        return VersionText.objects.get(version__document_id=document_id)


def holds_fact(item: Item, quotes: list[str]) -> bool:
    """Say whether one of the quotes holds one of the item's facts."""
    from patchbay.products.plugs.engine.answering.normal import normalise

    held = [normalise(quote).text for quote in quotes]
    return any(normalise(fact).text in quote for fact in item.facts for quote in held)


def _load(field: str) -> str:
    """Read, index and embed what the field's plug knows, unless that was done; return the plug's id."""
    from patchbay.products.plugs.models import Document, Plug

    plug, _ = Plug.objects.get_or_create(organisation_id=OWNER, slug=field, defaults={"name": field})
    known = set(Document.objects.filter(plug=plug).values_list("title", flat=True))
    own = [path for path in (DATA / field).iterdir() if path.suffix in (".md", ".txt") and path.name != "long.md"]
    for path in sorted([*(KNOWLEDGE / f"{field}-v1").glob("*.md"), *own]):
        if _title(path.name) not in known:
            _add(plug, _title(path.name), path.read_bytes(), "MARKDOWN" if path.suffix == ".md" else "TEXT")
    for manual in _manuals(field):
        if _title(manual) not in known:
            data = Path(manual).read_bytes()
            _add(plug, _title(manual), gzip.decompress(data) if manual.endswith(".gz") else data, "PDF")
    title = f"{field}-long"
    if title not in known and (DATA / field / "long.md").exists():
        with tempfile.TemporaryDirectory() as folder:
            pdf = Path(folder) / "long.pdf"
            render(DATA / field / "long.md", pdf)
            _add(plug, title, pdf.read_bytes(), "PDF")
    return str(plug.id)


def _title(document: str) -> str:
    return Path(document).name.partition(".")[0]


def _manuals(field: str) -> list[str]:
    """Return the installed documents outside the repository that a field's questions name."""
    rows = json.loads((DATA / field / "questions.json").read_text("utf-8"))
    named = {row["document"] for row in rows if row["document"].startswith("/")}
    return sorted(path for path in named if Path(path).exists())


def _add(plug: Any, title: str, data: bytes, kind: str) -> None:
    from patchbay.kernel.search import services as search
    from patchbay.kernel.search.contracts import Scope
    from patchbay.kernel.search.contracts import Unit as SearchUnit
    from patchbay.products.plugs.engine.digest import digest
    from patchbay.products.plugs.engine.parsing import detect
    from patchbay.products.plugs.models import Document, DocumentVersion, Unit, VersionText

    read = digest(data, getattr(detect, kind))
    document = Document.objects.create(organisation_id=OWNER, plug=plug, title=title)
    version = DocumentVersion.objects.create(
        document=document, number=1, filename=title, media_type=kind, sha256="", size=len(data), pages=read.pages
    )
    VersionText.objects.create(version=version, text=read.text, page_starts=list(read.page_starts))
    units = [
        Unit(
            id=f"{version.pk}.{ordinal}",
            version=version,
            ordinal=ordinal,
            kind=draft.kind,
            start=draft.start,
            end=draft.end,
            page=draft.page,
            headings=list(draft.headings),
        )
        for ordinal, draft in enumerate(read.units)
    ]
    Unit.objects.bulk_create(units)
    scope = Scope(OWNER, plug.id)
    texts = [
        SearchUnit(unit.id, draft.search_text, draft.search_text) for unit, draft in zip(units, read.units, strict=True)
    ]
    search.index(scope=scope, document_id=document.id, units=texts)
    while search.embed_document(scope=scope, document_id=document.id):
        pass
