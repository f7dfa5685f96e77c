"""From an uploaded file to units that search finds: the work of the task `plugs.index_document`.

Reading happens outside any transaction; what it gave is published in one: text, units, search and status together or
not at all. Running it again, or twice at once, changes nothing: a version that is not processing is left alone.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from patchbay.kernel.events import services as events
from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Scope
from patchbay.kernel.search.contracts import Unit as SearchUnit
from patchbay.products.plugs.engine.digest import Digest
from patchbay.products.plugs.engine.parsing.blocks import UnreadableError
from patchbay.products.plugs.engine.reader.client import get_reader
from patchbay.products.plugs.models import Document, DocumentVersion, Unit, VersionText

MAX_ATTEMPTS = 3
"""Reading that often killed its worker is not tried again."""

_UNIT_COLUMNS = (
    "id", "version_id", "ordinal", "kind", "start", "end", "page", "headings",
)  # fmt: skip
_PROCESSING, _READY, _ERROR = (
    DocumentVersion.Status.PROCESSING,
    DocumentVersion.Status.READY,
    DocumentVersion.Status.ERROR,
)


def index_version(version_id: int) -> None:
    """Read a version's file and publish it, or mark it with the reason why not. Idempotent."""
    open_versions = DocumentVersion.objects.filter(pk=version_id, status=_PROCESSING, document__deleted_at__isnull=True)
    if not open_versions.update(attempts=F("attempts") + 1):
        return
    version = DocumentVersion.objects.filter(pk=version_id).first()
    if version is None:
        return  # its plug was deleted just now
    if version.attempts > MAX_ATTEMPTS:
        fail_version(version_id, "Reading the file failed several times. Upload it again in another form.")
        return
    try:
        with _local_file(version.storage_name) as path:
            digest = get_reader().read(path, version.media_type)
    except UnreadableError as error:
        fail_version(version_id, str(error))
    except FileNotFoundError:
        fail_version(version_id, "The stored file is missing. Upload it again.")
    else:
        publish_version(version_id, digest)


def fail_version(version_id: int, reason: str) -> None:
    """Mark a version that is processing with the reason why it cannot answer; one before it goes on answering."""
    with transaction.atomic():
        version = _locked(version_id)
        if version is None:
            return
        version.status, version.error = _ERROR, reason
        version.save(update_fields=["status", "error"])
        _emit("document.failed", version, error=reason)


def publish_version(version_id: int, digest: Digest) -> None:
    """Store what reading gave and let it answer, in one transaction."""
    with transaction.atomic():
        version = _locked(version_id)
        if version is None:
            return
        version = _pinned(version, digest)
        document = version.document
        VersionText.objects.update_or_create(
            version=version, defaults={"text": digest.text, "page_starts": list(digest.page_starts)}
        )
        version.status, version.error, version.note = _READY, "", digest.note
        version.pages, version.chunks = digest.pages, len(digest.units)
        version.ready_at = timezone.now()
        version.save()
        if document.current is None or document.current.number <= version.number:
            _answer_from(document, version, digest)
        _emit("document.ready", version, pages=digest.pages, chunks=len(digest.units))


def _locked(version_id: int) -> DocumentVersion | None:
    """Return the version, its document locked, if it still waits to be published."""
    document = Document.objects.select_for_update().filter(versions__pk=version_id, deleted_at__isnull=True).first()
    if document is None:
        return None
    rows = DocumentVersion.objects.filter(pk=version_id, status=_PROCESSING)
    return rows.select_related("document__current", "document__latest").first()


def _pinned(version: DocumentVersion, digest: Digest) -> DocumentVersion:
    """Return the version to publish under: a new one when reading again gave another text than citations point into."""
    before = VersionText.objects.filter(version=version).values_list("text", flat=True).first()
    if before is None or before == digest.text:
        return version
    version.status = _READY
    version.save(update_fields=["status"])
    document = version.document
    following = DocumentVersion(
        document=document,
        number=(document.latest or version).number + 1,
        filename=version.filename,
        media_type=version.media_type,
        sha256=version.sha256,
        size=version.size,
        storage_name=version.storage_name,
    )
    following.save()
    document.latest = following
    document.save(update_fields=["latest"])
    return following


def _answer_from(document: Document, version: DocumentVersion, digest: Digest) -> None:
    """Replace the document's units, in the table and in search, by this version's."""
    Unit.objects.filter(version__document=document).delete()
    identifiers = [f"{version.pk}.{ordinal}" for ordinal in range(len(digest.units))]
    _insert_units(version, identifiers, digest)
    search.index(
        scope=Scope(document.organisation_id, document.plug_id),
        document_id=document.id,
        units=[
            SearchUnit(identifier, draft.search_text, draft.search_text)
            for identifier, draft in zip(identifiers, digest.units, strict=True)
        ],
    )
    document.current = version
    document.save(update_fields=["current"])


def _insert_units(version: DocumentVersion, identifiers: Sequence[str], digest: Digest) -> None:
    """Insert without an object for each row: of three thousand units that is a third of the CPU of becoming ready."""
    paths = {headings: json.dumps(headings) for headings in {draft.headings for draft in digest.units}}
    rows = [
        (
            identifier,
            version.pk,
            ordinal,
            draft.kind,
            draft.start,
            draft.end,
            draft.page,
            paths[draft.headings],
        )
        for ordinal, (identifier, draft) in enumerate(zip(identifiers, digest.units, strict=True))
    ]
    with connection.cursor() as cursor:
        quote = connection.ops.quote_name
        columns = ", ".join(map(quote, _UNIT_COLUMNS))
        marks = ", ".join(["%s"] * len(_UNIT_COLUMNS))
        table = quote(Unit._meta.db_table)
        cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 (own names only)


def _emit(type: str, version: DocumentVersion, **facts: object) -> None:
    document = version.document
    events.emit(
        organisation_id=document.organisation_id,
        type=type,
        payload={
            "document_id": document.id,
            "plug_id": document.plug_id,
            "title": document.title,
            "version": version.number,
            **facts,
        },
    )


@contextlib.contextmanager
def _local_file(storage_name: str) -> Iterator[Path]:
    """Give the stored file a path of this machine: its own where storage is a folder, else a copy."""
    if not storage_name:
        raise FileNotFoundError
    try:
        path = Path(default_storage.path(storage_name))
    except NotImplementedError:
        with tempfile.NamedTemporaryFile() as copy, default_storage.open(storage_name) as file:
            for piece in file.chunks():
                copy.write(piece)
            copy.flush()
            yield Path(copy.name)
    else:
        if not path.exists():
            raise FileNotFoundError
        yield path
