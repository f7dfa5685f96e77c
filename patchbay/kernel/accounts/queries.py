"""Who belongs where."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from patchbay.kernel.accounts.models import Membership, Organisation, User
from patchbay.kernel.accounts.registration import PLATFORM_SLUG
from patchbay.lib.actor import Actor
from patchbay.lib.errors import NotFoundError

CURRENT_ORGANISATION = "organisation_id"
"""Under which name a session keeps the organisation that was switched to."""


def get_actor(user: User | str, organisation_id: str, address: str | None = None) -> Actor:
    """Return the user (or the user of this id) as an actor in an organisation; NotFoundError for a stranger."""
    membership = find_membership(user, organisation_id)
    if membership is None:
        raise NotFoundError("There is no such organisation.")
    return membership.actor(address)


def find_membership(user: User | str, organisation_id: str) -> Membership | None:
    """Return an active user's membership with its user and organisation, or None."""
    return list_memberships(user).filter(organisation_id=organisation_id).first()


def find_membership_by_email(email: str) -> Membership | None:
    """Return the first membership of the active user with this address, or None."""
    user = User.objects.filter(email__iexact=email).first()
    return list_memberships(user).first() if user else None


def list_memberships(user: User | str) -> QuerySet[Membership]:
    """Return the organisations that an active user belongs to, as memberships, oldest first."""
    user_id = user.pk if isinstance(user, User) else user
    rows = Membership.objects.filter(user_id=user_id, user__is_active=True)
    return rows.select_related("organisation", "user").order_by("id")


def find_current_membership(user: User | str, session: Mapping[str, Any]) -> Membership | None:
    """Return the membership that a signed-in user acts by: the organisation chosen in the session, else the first."""
    chosen = session.get(CURRENT_ORGANISATION)
    found = find_membership(user, chosen) if chosen else None
    return found or list_memberships(user).first()


def list_members(organisation_id: str) -> QuerySet[Membership]:
    """Return an organisation's members with their users, by name and address."""
    rows = Membership.objects.filter(organisation_id=organisation_id)
    return rows.select_related("user", "organisation").order_by("user__name", "user__email")


def is_owner(user_id: str, organisation_id: str) -> Exists:
    """Return the expression whether one whom these columns of a query name is an owner now, of the organisation named.

    For neighbours that keep who somebody was and need to know what they are.
    """
    owners = Membership.objects.filter(role=Membership.Role.OWNER, user__is_active=True)
    return Exists(owners.filter(user_id=OuterRef(user_id), organisation_id=OuterRef(organisation_id)))


def get_organisation(organisation_id: str) -> Organisation:
    """Return an organisation; NotFoundError when there is none of this id."""
    organisation = Organisation.objects.filter(pk=organisation_id).first()
    if organisation is None:
        raise NotFoundError("There is no such organisation.")
    return organisation


def find_organisation(slug_or_id: str) -> Organisation:
    """Return an organisation by its slug or id; NotFoundError when there is none."""
    organisation = Organisation.objects.filter(Q(pk=slug_or_id) | Q(slug=slug_or_id)).first()
    if organisation is None:
        raise NotFoundError(f"There is no organisation {slug_or_id[:60]!r}.")
    return organisation


def find_platform_organisation_id() -> str | None:
    """Return the id of the platform's own organisation, whose plugs everyone has; None before it was made."""
    return Organisation.objects.filter(slug=PLATFORM_SLUG).values_list("pk", flat=True).first()
