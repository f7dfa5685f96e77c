"""Documents come, are read again, and go.

Deleting removes the file, the text and the units at once: who deletes wants it gone. A row with the title stays, so
that links of old citations can say that the document was deleted; the answers themselves keep their quotes.
"""

import contextlib
import hashlib
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from pathlib import PurePath
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from patchbay.kernel.audit import services as audit
from patchbay.kernel.events import services as events
from patchbay.kernel.jobs import services as jobs
from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Scope
from patchbay.lib.actor import Actor
from patchbay.lib.errors import FieldError, InvalidError, TooLargeError, UnsupportedMediaError
from patchbay.products.plugs.contracts import MAX_UPLOAD_BYTES
from patchbay.products.plugs.engine.parsing.blocks import UnreadableError
from patchbay.products.plugs.engine.parsing.detect import detect
from patchbay.products.plugs.errors import PlugNotFoundError
from patchbay.products.plugs.models import Document, DocumentVersion, Plug, Unit, VersionText
from patchbay.products.plugs.queries import documents as queries
from patchbay.products.plugs.services.plugs import require_may_change

ORPHAN_AGE = timedelta(days=1)
"""How old a stored file is that no upload under way can still be about to enter."""
_FOLDER = "documents"


def upload_document(*, actor: Actor, plug: Plug, file: File[Any], filename: str) -> Document:
    """Keep a file as a document of the plug and have it read in the background.

    The title is the file's name. The same content again changes nothing; new content under a title is the document's
    next version, and the version before answers until the new one is ready.
    InvalidError (empty, nameless), TooLargeError, UnsupportedMediaError; nothing is kept then.
    """
    require_may_change(actor, plug)
    filename, titles = _names(filename)
    _check_size(file)
    try:
        media_type = detect(file, filename)
    except UnreadableError as error:
        raise UnsupportedMediaError(str(error), fields=(FieldError("file", str(error)),)) from error
    sha256 = _sha256(file)
    storage_name = _store(file, actor.organisation_id, sha256)
    version = DocumentVersion(
        filename=filename, media_type=media_type, sha256=sha256, size=file.size, storage_name=storage_name
    )
    try:
        with transaction.atomic():
            Plug.objects.select_for_update().get(id=plug.id)  # two uploads of one title make two versions, in order
            document = _known_content(actor.organisation_id, plug, sha256)
            if document is None:
                document = _add_version(actor, plug, titles, version)
            elif document.latest and document.latest.status == DocumentVersion.Status.ERROR:
                _read_again(document.latest)
    except Plug.DoesNotExist:
        _drop_at_once({storage_name})
        raise PlugNotFoundError(f"{plug.name} was deleted meanwhile; nothing was kept.") from None
    _store(file, actor.organisation_id, sha256)  # again, if a deletion of the same content elsewhere just took it
    return document


def reindex_document(*, actor: Actor, plug: Plug, document_id: str) -> Document:
    """Read the newest version's file again; it answers as before until that is done."""
    require_may_change(actor, plug)
    with transaction.atomic():
        document = queries.get_document(actor.organisation_id, plug, document_id)
        version = document.latest
        if version and version.status != DocumentVersion.Status.PROCESSING:
            _read_again(version)
            _record(actor, "document.reindexed", document)
    return document


def delete_document(*, actor: Actor, plug: Plug, document_id: str) -> None:
    """Delete a document with its files, texts and units; from the commit on no answer can use it."""
    require_may_change(actor, plug)
    with transaction.atomic():
        document = queries.get_document(actor.organisation_id, plug, document_id)
        Document.objects.select_for_update().get(pk=document.pk)  # first, as publishing does: or they wait in a ring
        search.remove(scope=Scope(document.organisation_id, plug.id), document_id=document.id)
        Unit.objects.filter(version__document=document).delete()
        VersionText.objects.filter(version__document=document).delete()
        files = set(document.versions.exclude(storage_name="").values_list("storage_name", flat=True))
        document.versions.update(storage_name="")
        document.current = None
        document.deleted_at = timezone.now()
        document.save(update_fields=["current", "deleted_at"])
        _record(actor, "document.deleted", document)
        events.emit(
            organisation_id=document.organisation_id,
            type="document.deleted",
            payload={"document_id": document.id, "plug_id": plug.id},
        )
        transaction.on_commit(lambda: _drop_at_once(files))


def drop_files(names: Collection[str]) -> None:
    """Delete those of the stored files that no document uses; those that are gone already are no fault."""
    used = set(DocumentVersion.objects.filter(storage_name__in=names).values_list("storage_name", flat=True))
    for name in set(names) - used:
        default_storage.delete(name)


def sweep_files() -> int:
    """Delete stored files that no document has had for ORPHAN_AGE; return how many.

    A process that is killed between storing a file and entering it leaves one that no deletion would ever reach.
    """
    limit, swept = timezone.now() - ORPHAN_AGE, 0
    for folder in _folders(_FOLDER, depth=2):
        names = {f"{folder}/{name}" for name in default_storage.listdir(folder)[1]}
        used = set(DocumentVersion.objects.filter(storage_name__in=names).values_list("storage_name", flat=True))
        old = {name for name in names - used if default_storage.get_modified_time(name) < limit}
        drop_files(old)
        swept += len(old)
    return swept


def _folders(path: str, depth: int) -> Iterator[str]:
    if not depth:
        yield path
        return
    try:
        names = default_storage.listdir(path)[0]
    except FileNotFoundError:  # nothing was uploaded yet
        return
    for name in names:
        yield from _folders(f"{path}/{name}", depth - 1)


def _names(filename: str) -> tuple[str, tuple[str, ...]]:
    """Return the bare file name in composed characters, and the titles that it gives, how it is kept first.

    The others are the same name as it came and decomposed, as a Mac sends it: documents of before may have those.
    """
    path = filename.replace("\0", "").replace("\\", "/")
    forms = (unicodedata.normalize("NFC", path), path, unicodedata.normalize("NFD", path))
    names = [" ".join(PurePath(form).name.split())[-200:] for form in forms]
    titles = tuple(PurePath(name).stem.strip() for name in names)
    if not titles[0]:
        raise InvalidError("The file has no name.", fields=(FieldError("file", "Send the file's name with it."),))
    return names[0], titles


def _check_size(file: File[Any]) -> None:
    if not file.size:
        raise InvalidError("The file is empty.", fields=(FieldError("file", "The file is empty."),))
    if file.size > MAX_UPLOAD_BYTES:
        limit = MAX_UPLOAD_BYTES // (1024 * 1024)
        raise TooLargeError(f"The file is larger than {limit} MB.", next_step="Split it into smaller files.")


def _sha256(file: File[Any]) -> str:
    digest = hashlib.sha256()
    for piece in file.chunks():
        digest.update(piece)
    return digest.hexdigest()


def _store(file: File[Any], organisation_id: str, sha256: str) -> str:
    """Keep the file under its own hash, once for an organisation; outside the transaction, for it may be a network."""
    name = f"{_FOLDER}/{organisation_id}/{sha256[:2]}/{sha256}"
    if default_storage.exists(name):
        return name
    file.seek(0)
    return default_storage.save(name, file)


def _known_content(organisation_id: str, plug: Plug, sha256: str) -> Document | None:
    rows = Document.objects.filter(organisation_id=organisation_id, plug=plug, deleted_at__isnull=True)
    return rows.filter(latest__sha256=sha256).select_related("latest").first()


def _titled(organisation_id: str, plug: Plug, titles: Sequence[str]) -> Document | None:
    """Return the document of the first of the titles that has one."""
    rows = Document.objects.filter(organisation_id=organisation_id, plug=plug, deleted_at__isnull=True)
    standing = {each.title: each for each in rows.filter(title__in=titles).select_related("latest")}
    return next((standing[title] for title in titles if title in standing), None)


def _add_version(actor: Actor, plug: Plug, titles: Sequence[str], version: DocumentVersion) -> Document:
    known = _titled(actor.organisation_id, plug, titles)
    document = known or Document.objects.create(organisation_id=actor.organisation_id, plug=plug, title=titles[0])
    version.document = document
    version.number = document.latest.number + 1 if document.latest else 1
    version.save()
    document.latest, document.title = version, titles[0]
    document.save(update_fields=["latest", "title"])
    jobs.enqueue("plugs.index_document", version_id=version.pk)
    _record(actor, "document.replaced" if known else "document.created", document)
    return document


def _read_again(version: DocumentVersion) -> None:
    version.status = DocumentVersion.Status.PROCESSING
    version.error, version.attempts = "", 0
    version.save(update_fields=["status", "error", "attempts"])
    jobs.enqueue("plugs.index_document", version_id=version.pk)


def _record(actor: Actor, action: str, document: Document) -> None:
    audit.record(
        actor=actor,
        action=action,
        target_type="document",
        target_id=document.id,
        target_name=document.title,
        changes={"plug_id": document.plug_id, "version": document.latest.number if document.latest else None},
    )


def _drop_at_once(names: set[str]) -> None:
    """One that fails to go is unreachable already; it is only space."""
    for name in names:
        with contextlib.suppress(OSError):
            drop_files([name])
