"""Making plugs."""

import re

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from patchbay.kernel.audit import services as audit
from patchbay.lib.actor import Actor
from patchbay.lib.errors import ConflictError, FieldError, InvalidError
from patchbay.products.plugs.contracts import FIRST_PARTY_SLUGS
from patchbay.products.plugs.models import Plug, PlugVersion

MAX_DESCRIPTION = 2_000
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
