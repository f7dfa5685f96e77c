"""Find the passages for a question, each pinned to its document's version."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import F
from django.db.models.functions import Substr

from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Hit, Scope
from patchbay.lib.words import STOP_WORDS, content_words, find_words
from patchbay.products.gateway.engine.contracts import Evidence, Passage
from patchbay.products.plugs.engine.answering.bind import Pinned
from patchbay.products.plugs.engine.answering.prompt import defuse
from patchbay.products.plugs.engine.chunking.sentences import split_sentences
from patchbay.products.plugs.engine.contracts import Question
from patchbay.products.plugs.models import Unit, VersionText

MAX_PASSAGES = 32
FEW_WORDS = 4
"""A question of no more words leans on the one before it."""
_POINTING = frozenset(
    ("it", "its", "that", "this", "these", "those", "they", "them", "he", "she", "then", "same", "one")
)


@dataclass(frozen=True, slots=True)
class Found:
    """The passages of one question: as the model gets them, and as their documents store them."""

    evidence: Evidence
    pinned: tuple[Pinned, ...]


def retrieve(question: Question) -> Found:
    """Search what the plug knows for whoever asks: the plug's own documents and those of the asking organisation."""
    owners = dict.fromkeys((question.plug_organisation_id, question.organisation_id))
    scopes = [Scope(owner, question.plug_id) for owner in owners]
    asked = in_context(question)
    hits = search.search(scopes=scopes, query=asked, limit=MAX_PASSAGES)
    counts = search.count_words(scopes=scopes, words=[word for word in find_words(asked) if word not in STOP_WORDS])
    units = _load(hits, scopes)
    starts = _page_starts({unit.version_id for unit in units.values()})
    found = [(hit, units[hit.unit_id]) for hit in hits if hit.unit_id in units]
    passages = tuple(_passage(n, hit, unit) for n, (hit, unit) in enumerate(found, 1))
    pinned = tuple(_pin(n, unit, starts.get(unit.version_id, ())) for n, (_, unit) in enumerate(found, 1))
    return Found(Evidence(asked, passages, counts.units, counts.by_word), pinned)


def in_context(question: Question) -> str:
    """Return the question; one that points back is read together with the one before it."""
    text = question.text
    before = [turn.content for turn in question.history if turn.role == "user"]
    if not before:
        return text
    few = len(set(content_words(text))) <= FEW_WORDS
    return f"{before[-1]} {text}" if few and _POINTING & set(find_words(text)) else text


def _load(hits: Sequence[Hit], scopes: Sequence[Scope]) -> dict[str, Unit]:
    """Return the units by id, with `stored`: what the version's text holds between their offsets."""
    rows = (
        Unit.objects.filter(
            id__in=[hit.unit_id for hit in hits],
            version__document__deleted_at__isnull=True,
            version__document__organisation_id__in=[scope.organisation_id for scope in scopes],
            version__document__plug_id__in={scope.collection for scope in scopes},
        )
        .select_related("version__document")
        .annotate(stored=Substr("version__body__text", F("start") + 1, F("end") - F("start")))
    )
    return {unit.id: unit for unit in rows}


def _page_starts(version_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    rows = VersionText.objects.filter(version_id__in=version_ids).values_list("version_id", "page_starts")
    return {version_id: tuple(page_starts) for version_id, page_starts in rows}


def _passage(number: int, hit: Hit, unit: Unit) -> Passage:
    text = defuse(_stored(unit))
    return Passage(
        number=number,
        text=text,
        title=unit.version.document.title,
        headings=tuple(unit.headings),
        page=unit.page,
        kind=unit.kind,
        score=hit.score,
        bm25=hit.bm25,
        bm25_rank=hit.bm25_rank,
        cosine=hit.cosine,
        vector_rank=hit.vector_rank,
        context=hit.text,
        spans=tuple(split_sentences(text)),
    )


def _pin(number: int, unit: Unit, page_starts: tuple[int, ...]) -> Pinned:
    return Pinned(
        number=number,
        document_id=unit.version.document_id,
        document_version=unit.version.number,
        title=unit.version.document.title,
        section=unit.headings[-1] if unit.headings else None,
        start=unit.start,
        text=_stored(unit),
        page_starts=page_starts,
    )


def _stored(unit: Unit) -> str:
    stored: str = getattr(unit, "stored", "")
    return stored
