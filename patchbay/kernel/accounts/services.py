"""Registering, and who may do what in an organisation. Every change is in the audit log."""

from collections.abc import Mapping

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction

from patchbay.kernel.accounts import allowances, registration
from patchbay.kernel.accounts.errors import LastOwnerError
from patchbay.kernel.accounts.models import Membership, Organisation, User
from patchbay.kernel.audit import services as audit
from patchbay.kernel.plans import queries as plan_queries
from patchbay.kernel.plans import services as plans
from patchbay.lib.actor import Actor, Role
from patchbay.lib.errors import FieldError, ForbiddenError, InvalidError, NotFoundError
from patchbay.lib.shared.cache import changed

FREE_PLAN = "free"


def register(*, email: str, password: str, company: str, name: str = "", address: str | None = None) -> Membership:
    """Create a user and the organisation they own, on the Free plan with its first credits: all of it or nothing.

    InvalidError names each faulty field (`email`, `password`, `company`, `name`).
    """
    company = registration.clean_name("company", company)
    name = registration.clean_name("name", name, required=False)
    email = registration.clean_credentials(email, password)
    hashed = make_password(password)  # slow by design: done before the transaction, which would keep others waiting
    try:
        with transaction.atomic():
            return _register(User(email=email, name=name, password=hashed), company, address)
    except IntegrityError:  # the same address, registered at the same time
        if not User.objects.filter(email__iexact=email).exists():
            raise
        raise InvalidError("This address has an account.", fields=(registration.email_taken(),)) from None


def _register(user: User, company: str, address: str | None) -> Membership:
    user.save(force_insert=True)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
    organisation = registration.create_organisation(company)
    membership = Membership.objects.create(organisation=organisation, user=user, role=Membership.Role.OWNER)
    plans.assign_plan(organisation_id=organisation.pk, plan_code=FREE_PLAN)
    if assignment := plan_queries.get_assignment(organisation.pk):
        allowances.grant_allowance(assignment, assignment.anchor)
    audit.record(
        actor=membership.actor(address),
        action="organisation.created",
        target_type="organisation",
        target_id=organisation.pk,
        target_name=organisation.name,
        changes={"plan": FREE_PLAN, "owner": user.email},
    )
    return membership


def ensure_platform_organisation() -> Organisation:
    """Return the organisation that owns the first-party plugs; it has no members and its slug is reserved."""
    return Organisation.objects.get_or_create(slug=registration.PLATFORM_SLUG, defaults={"name": "Patchbay"})[0]


@transaction.atomic
def rename_organisation(*, actor: Actor, name: str, slug: str | None = None) -> Organisation:
    """Change the name and, where given, the slug of the actor's organisation. Owners only."""
    organisation = _lock_as_owner(actor)
    before = (organisation.name, organisation.slug)
    organisation.name = registration.clean_name("name", name)
    if slug is not None and slug != organisation.slug:
        organisation.slug = registration.clean_slug(slug, organisation_id=organisation.pk)
    after = (organisation.name, organisation.slug)
    if after == before:
        return organisation
    organisation.save()
    pairs = zip(("name", "slug"), before, after, strict=True)
    audit.record(
        actor=actor,
        action="organisation.renamed",
        target_type="organisation",
        target_id=organisation.pk,
        target_name=organisation.name,
        changes={field: [old, new] for field, old, new in pairs if old != new},
    )
    return organisation


@transaction.atomic
def change_role(*, actor: Actor, membership_id: str, role: Role) -> Membership:
    """Give a member another role. Owners only; LastOwnerError when no owner would be left.

    Once the transaction has committed it holds in every process, for the keys that the member made too.
    """
    if role not in Membership.Role.values:
        choices = ", ".join(Membership.Role.values)
        raise InvalidError("There is no such role.", fields=(FieldError("role", f"Choose from: {choices}."),))
    organisation = _lock_as_owner(actor)
    membership = _member(organisation, membership_id)
    changed(organisation.pk)  # also when it is so already: whoever did may have died between the commit and the epoch
    if membership.role == role:
        return membership
    if membership.role == Membership.Role.OWNER:
        _require_another_owner(membership)
    before, membership.role = membership.role, Membership.Role(role)
    membership.save(update_fields=["role"])
    _record_member(actor, membership, "member.role_changed", {"role": [before, role]})
    return membership


@transaction.atomic
def remove_member(*, actor: Actor, membership_id: str) -> None:
    """Take a member out; owners may remove anyone, everyone may leave. LastOwnerError when no owner would be left.

    Holds everywhere as another role does.
    """
    organisation = _lock(actor.organisation_id)
    membership = _member(organisation, membership_id)
    leaving = actor.kind == "user" and actor.user_id == membership.user_id
    if not leaving:
        _require_owner(actor)
    if membership.role == Membership.Role.OWNER:
        _require_another_owner(membership)
    membership.delete()
    changed(organisation.pk)
    _record_member(actor, membership, "member.left" if leaving else "member.removed", {"role": membership.role})


@transaction.atomic
def rename_user(*, user: User, name: str) -> User:
    """Change the name by which a person is shown."""
    user.name = registration.clean_name("name", name, required=False)
    user.save(update_fields=["name"])
    return user


def lock_organisation(organisation_id: str) -> Organisation | None:
    """Lock an organisation's row until the caller's transaction ends: for what is counted against a limit."""
    return Organisation.objects.select_for_update().filter(pk=organisation_id).first()


def _lock(organisation_id: str) -> Organisation:
    """Changes of one organisation's members happen one after another: two owners cannot demote each other at once."""
    organisation = lock_organisation(organisation_id)
    if organisation is None:
        raise NotFoundError("There is no such organisation.")
    return organisation


def _lock_as_owner(actor: Actor) -> Organisation:
    organisation = _lock(actor.organisation_id)
    _require_owner(actor)
    return organisation


def _require_owner(actor: Actor) -> None:
    """Judge by the role as it is now, under the lock: the actor may have been demoted since the request came in."""
    actor.require("owner")
    if actor.kind == "key":
        raise ForbiddenError("An API key cannot manage the organisation.", next_step="Sign in as an owner.")
    if actor.kind == "user":
        owners = Membership.objects.filter(organisation_id=actor.organisation_id, role=Membership.Role.OWNER)
        if not owners.filter(user_id=actor.user_id).exists():
            raise ForbiddenError("You are no longer an owner of this organisation.")


def _member(organisation: Organisation, membership_id: str) -> Membership:
    membership = organisation.memberships.select_related("user", "organisation").filter(pk=membership_id).first()
    if membership is None:
        raise NotFoundError("There is no such member.")
    return membership


def _require_another_owner(membership: Membership) -> None:
    owners = Membership.objects.filter(organisation_id=membership.organisation_id, role=Membership.Role.OWNER)
    if not owners.exclude(pk=membership.pk).exists():
        raise LastOwnerError(
            f"{membership.user} is the only owner and must stay one.", next_step="Make another member an owner first."
        )


def _record_member(actor: Actor, membership: Membership, action: str, changes: dict[str, object]) -> None:
    audit.record(
        actor=actor,
        action=action,
        target_type="member",
        target_id=membership.user_id,
        target_name=membership.user.email,
        changes=changes,
    )


@transaction.atomic
def record_session(
    *, user: User, action: str, address: str | None, changes: Mapping[str, object] | None = None
) -> None:
    """Write a security event of a person (`session.created`, `password.changed`) to each of their organisations."""
    for membership in Membership.objects.filter(user=user).select_related("user").order_by("organisation_id"):
        audit.record(
            actor=membership.actor(address),
            action=action,
            target_type="user",
            target_id=user.pk,
            target_name=user.email,
            changes=changes,
        )
