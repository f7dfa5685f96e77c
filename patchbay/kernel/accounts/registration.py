"""What a registration must look like, and the address of a new organisation."""

import secrets

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from patchbay.kernel.accounts.models import Organisation, User
from patchbay.lib.errors import FieldError, InvalidError

NAME_LENGTH = 120
PLATFORM_SLUG = "patchbay"
_RESERVED = frozenset({PLATFORM_SLUG, "admin", "api", "docs", "o", "static", "support", "v1"})
_SLUG_LENGTH = 50


def clean_name(field: str, value: str, *, required: bool = True) -> str:
    """Return a name of a person or organisation, trimmed; InvalidError names `field`."""
    name = " ".join(value.split())
    if required and not name:
        raise InvalidError("A name is missing.", fields=(FieldError(field, "Enter a name."),))
    if len(name) > NAME_LENGTH:
        raise InvalidError(
            "A name is too long.", fields=(FieldError(field, f"Use {NAME_LENGTH} characters or fewer."),)
        )
    if not name.isprintable():
        raise InvalidError("A name has control characters.", fields=(FieldError(field, "Use letters and digits."),))
    return name


def clean_credentials(email: str, password: str) -> str:
    """Return the address in lower case; InvalidError names every fault of address and password."""
    email = email.strip().lower()
    faults: list[FieldError] = []
    try:
        validate_email(email)
    except ValidationError:
        faults.append(FieldError("email", "Enter a valid e-mail address."))
    if User.objects.filter(email__iexact=email).exists():
        faults.append(email_taken())
    try:
        validate_password(password, User(email=email))
    except ValidationError as error:
        faults += [FieldError("password", message) for message in error.messages]
    if faults:
        raise InvalidError("Some of the registration is not right.", fields=tuple(faults))
    return email


def email_taken() -> FieldError:
    return FieldError("email", "There is an account with this address. Sign in, or reset the password.")


def create_organisation(name: str) -> Organisation:
    """Create an organisation under a free slug made of its name: `acme`, else `acme-2` … `acme-9`, else at random.

    Each try is a savepoint, because another registration may take the slug between the look and the insert.
    """
    base = slugify(name)[:_SLUG_LENGTH].strip("-") or "organisation"
    tries = [base, *(f"{base}-{number}" for number in range(2, 10)), f"{base}-{secrets.token_hex(4)}"]
    taken = set(Organisation.objects.filter(slug__in=tries).values_list("slug", flat=True)) | _RESERVED
    for slug in tries:
        if slug in taken:
            continue
        try:
            with transaction.atomic():
                return Organisation.objects.create(name=name, slug=slug)
        except IntegrityError:
            continue
    raise InvalidError("No address is free for this name.", fields=(FieldError("company", "Choose another name."),))


def clean_slug(slug: str, *, organisation_id: str) -> str:
    """Return a slug that this organisation may take; InvalidError says why not."""
    wanted = slug.strip().lower()
    if not wanted or slugify(wanted) != wanted or len(wanted) > _SLUG_LENGTH:
        fault = f"Use letters, digits and hyphens, {_SLUG_LENGTH} at most."
    elif wanted in _RESERVED or Organisation.objects.filter(slug=wanted).exclude(pk=organisation_id).exists():
        fault = "This address is taken."
    else:
        return wanted
    raise InvalidError("The address cannot be used.", fields=(FieldError("slug", fault),))
