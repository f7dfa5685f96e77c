"""Making and deleting plugs.

A deleted plug is gone with its documents, their files and its conversations: nothing of it is kept but the audit log,
the ledger and the usage records, which name it by id.
"""

import re
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from patchbay.kernel.audit import services as audit
from patchbay.kernel.events import services as events
from patchbay.kernel.jobs import services as jobs
from patchbay.kernel.keys import services as keys
from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Scope
from patchbay.lib.actor import Actor
from patchbay.lib.errors import ConflictError, FieldError, InvalidError
from patchbay.products.plugs.contracts import FIRST_PARTY_SLUGS
from patchbay.products.plugs.errors import SharedPlugError
from patchbay.products.plugs.models import Document, DocumentVersion, Plug, PlugVersion
from patchbay.products.plugs.queries import plugs as queries

MAX_DESCRIPTION = 2_000
_FILES_AT_ONCE = 500  # a job's arguments are a row of the queue
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SLUG_LENGTH = 60


def create_plug(
    *, actor: Actor, name: str, slug: str | None = None, domain: str = "general", description: str = ""
) -> Plug:
    """Create a private plug of the actor's organisation; without a slug one is made from the name.

    InvalidError names the fields; ConflictError when the slug is taken or reserved.
    """
    actor.require("editor")
    name, description = _cleaned(name), description.replace("\0", "").strip()
    _check(name, slug, domain, description)
    with transaction.atomic():
        chosen = slug or _free_slug(actor.organisation_id, name)
        try:
            with transaction.atomic():
                plug = Plug.objects.create(
                    organisation_id=actor.organisation_id,
                    slug=chosen,
                    name=name,
                    domain=domain,
                    description=description,
                )
        except IntegrityError:
            raise _taken(chosen) from None
        PlugVersion.objects.create(plug=plug, number=plug.published_number)
        audit.record(
            actor=actor, action="plug.created", target_type="plug", target_id=plug.id, target_name=name,
            changes={"slug": chosen, "domain": domain},
        )  # fmt: skip
    return plug


def delete_plug(*, actor: Actor, plug_id: str) -> None:
    """Delete a private plug (id or slug) with all it knows and was asked; when this returns its keys are refused.

    Runs its own transaction, because only a commit ends a key. The stored files follow by a job. PlugNotFoundError for
    another organisation's; SharedPlugError for one that ships; ForbiddenError as for deleting a document, and for a
    key that may not end the plug's keys.
    """
    plug = queries.get_plug(actor.organisation_id, plug_id)
    require_may_change(actor, plug)
    with transaction.atomic(durable=True):
        Plug.objects.select_for_update().get(pk=plug.pk)  # no upload comes between
        documents = list(Document.objects.select_for_update().filter(plug=plug).order_by("id"))
        keys.revoke_plug_keys(actor=actor, plug_id=plug.id)
        for owner in {document.organisation_id for document in documents}:
            search.remove_scope(scope=Scope(owner, plug.id))
        _release_files(plug)
        sessions = plug.sessions.count()
        audit.record(
            actor=actor, action="plug.deleted", target_type="plug", target_id=plug.id, target_name=plug.name,
            changes={"slug": plug.slug, "documents": _count_shown(documents), "sessions": sessions},
        )  # fmt: skip
        events.emit(organisation_id=plug.organisation_id, type="plug.deleted", payload={"plug_id": plug.id})
        plug.delete()


def require_may_change(actor: Actor, plug: Plug) -> None:
    """Raise ForbiddenError unless the actor may change the plug or what it knows; SharedPlugError if it ships."""
    actor.require("editor")
    if plug.organisation_id != actor.organisation_id:
        raise SharedPlugError(
            f"{plug.name} comes with knowledge of its own, which only its maker changes.",
            next_step="Create a plug of your own and upload there.",
        )


def _release_files(plug: Plug) -> None:
    """Have the files dropped once the deletion is committed; what another plug uses too stays."""
    versions = DocumentVersion.objects.filter(document__plug=plug).exclude(storage_name="")
    names = sorted(set(versions.values_list("storage_name", flat=True)))
    for start in range(0, len(names), _FILES_AT_ONCE):
        jobs.enqueue("plugs.drop_files", names=names[start : start + _FILES_AT_ONCE])


def _count_shown(documents: Sequence[Document]) -> int:
    return sum(document.deleted_at is None for document in documents)


def _cleaned(text: str) -> str:
    return " ".join(text.replace("\0", "").split())


def _check(name: str, slug: str | None, domain: str, description: str) -> None:
    faults = []
    if not 1 <= len(name) <= 120:
        faults.append(FieldError("name", "Give a name of 1 to 120 characters."))
    if slug is not None and not (len(slug) <= _SLUG_LENGTH and _SLUG.fullmatch(slug)):
        faults.append(FieldError("slug", "Use a-z, 0-9 and single hyphens, at most 60 characters."))
    if domain not in Plug.Domain.values:
        faults.append(FieldError("domain", f"Choose from: {', '.join(Plug.Domain.values)}."))
    if len(description) > MAX_DESCRIPTION:
        faults.append(FieldError("description", f"At most {MAX_DESCRIPTION:,} characters."))
    if faults:
        raise InvalidError("The plug cannot be created as asked.", fields=tuple(faults))
    if slug in FIRST_PARTY_SLUGS:
        raise _taken(slug)


def _taken(slug: str) -> ConflictError:
    return ConflictError(
        f"The slug {slug!r} is taken.", fields=(FieldError("slug", "Choose another, or leave it out to get one."),)
    )


def _free_slug(organisation_id: str, name: str) -> str:
    base = slugify(name)[: _SLUG_LENGTH - 8].strip("-_").replace("_", "-") or "plug"
    base = re.sub(r"-+", "-", base)
    taken = set(
        Plug.objects.filter(organisation_id=organisation_id, slug__startswith=base).values_list("slug", flat=True)
    ) | set(FIRST_PARTY_SLUGS)
    number = 1
    slug = base
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug
