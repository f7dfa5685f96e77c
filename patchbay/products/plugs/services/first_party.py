"""The plugs that ship with Patchbay: `knowledge/<slug>/*.md`, installed for every organisation.

Read where they are installed, without the worker, so that a fresh instance answers at once; their vectors follow in
the background like everyone's.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from patchbay.kernel.accounts import services as accounts
from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Scope
from patchbay.products.plugs.engine.digest import digest
from patchbay.products.plugs.engine.parsing.detect import MARKDOWN
from patchbay.products.plugs.models import Document, DocumentVersion, Plug, PlugVersion, Unit
from patchbay.products.plugs.services import indexing

KNOWLEDGE = Path(__file__).resolve().parent.parent / "knowledge"

UNITS_VERSION = 1
"""Raise it when parsing or cutting changed, so that an upgrade reads the shipped documents again."""


@dataclass(frozen=True, slots=True)
class FirstParty:
    """What a shipped plug says of itself."""

    slug: str
    name: str
    domain: str
    description: str
    persona: str


PLUGS = (
    FirstParty(
        "legal-v1",
        "Legal Expert",
        "legal",
        "Reads a commercial contract set: master services agreement, service levels and data processing.",
        "You are a careful commercial lawyer. Answer from the contract's own words, name the clause, keep defined "
        "terms as they are defined, and say which exceptions and deadlines apply. You do not give legal advice.",
    ),
    FirstParty(
        "healthcare-v1",
        "Healthcare Expert",
        "healthcare",
        "Reads clinical guidance: adult sepsis, anticoagulation and type 2 diabetes. Sample guidance, not advice.",
        "You are a clinical reference for trained staff. Give doses, thresholds and intervals exactly as the guidance "
        "states them, with their conditions and contraindications. You do not diagnose or replace clinical judgement.",
    ),
    FirstParty(
        "engineering-v1",
        "Engineering Expert",
        "engineering",
        "Reads an engineering handbook: structural steel and loads, piping and electrical, site and quality.",
        "You are a senior engineer. Give values with their units, the table they come from and the conditions under "
        "which they hold. Where the handbook sets no value, say so rather than estimate.",
    ),
)


def install_first_party() -> None:
    """Bring the shipped plugs and their documents up to date; without changes it only reads."""
    platform = accounts.ensure_platform_organisation().id
    for plug in PLUGS:
        files = {_fingerprint(path): path for path in sorted((KNOWLEDGE / plug.slug).glob("*.md"))}
        if not _is_current(platform, plug, set(files)):
            with transaction.atomic():
                _install(platform, plug, files)


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(b"%d\n" % UNITS_VERSION + path.read_bytes()).hexdigest()


def _is_current(platform: str, plug: FirstParty, fingerprints: set[str]) -> bool:
    row = Plug.objects.filter(organisation_id=platform, slug=plug.slug).first()
    if row is None or (row.name, row.domain, row.description) != (plug.name, plug.domain, plug.description):
        return False
    if not row.versions.filter(number=row.published_number, persona=plug.persona).exists():
        return False
    shown = Document.objects.filter(plug=row, organisation_id=platform, deleted_at__isnull=True)
    return set(shown.values_list("current__sha256", flat=True)) == fingerprints


def _install(platform: str, plug: FirstParty, files: dict[str, Path]) -> None:
    row, _ = Plug.objects.update_or_create(
        organisation_id=platform,
        slug=plug.slug,
        defaults={"name": plug.name, "domain": plug.domain, "description": plug.description},
    )
    row = Plug.objects.select_for_update().get(pk=row.pk)
    _publish_persona(row, plug.persona)
    documents = Document.objects.filter(plug=row, organisation_id=platform, deleted_at__isnull=True)
    known = {document.title: document for document in documents.select_related("current", "latest")}
    kept = {_install_document(row, known, fingerprint, path) for fingerprint, path in files.items()}
    for title in set(known) - kept:
        _retire(known[title])


def _publish_persona(row: Plug, persona: str) -> None:
    latest = row.versions.order_by("-number").first()
    if latest is None or latest.persona != persona:
        latest = PlugVersion.objects.create(plug=row, number=latest.number + 1 if latest else 1, persona=persona)
    if row.published_number != latest.number:
        row.published_number = latest.number
        row.save(update_fields=["published_number"])


def _install_document(row: Plug, known: dict[str, Document], fingerprint: str, path: Path) -> str:
    """Install one file under the title of its first line; return the title."""
    data = path.read_bytes()
    title = data.decode().partition("\n")[0].removeprefix("#").strip()[:200]
    document = known.get(title) or Document.objects.create(organisation_id=row.organisation_id, plug=row, title=title)
    if document.current is None or document.current.sha256 != fingerprint:
        version = DocumentVersion.objects.create(
            document=document,
            number=document.latest.number + 1 if document.latest else 1,
            filename=path.name,
            media_type=MARKDOWN,
            sha256=fingerprint,
            size=len(data),
        )
        document.latest = version
        document.save(update_fields=["latest"])
        indexing.publish_version(version.pk, digest(data, MARKDOWN))
    return title


def _retire(document: Document) -> None:
    """A document that no longer ships stops answering; its text stays, for answers that cite it."""
    search.remove(scope=Scope(document.organisation_id, document.plug_id), document_id=document.id)
    Unit.objects.filter(version__document=document).delete()
    document.current = None
    document.deleted_at = timezone.now()
    document.save(update_fields=["current", "deleted_at"])
