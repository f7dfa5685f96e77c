"""Small builders of what tests need first: an organisation, its people, a key. They use the product's own services."""

from itertools import count

from patchbay.kernel.accounts import services as accounts
from patchbay.kernel.accounts.models import Membership, Organisation, User
from patchbay.kernel.keys import services as keys
from patchbay.kernel.keys.contracts import CreatedKey, Environment, Permission
from patchbay.kernel.plans import services as plans
from patchbay.lib.actor import Actor, Role

PASSWORD = "harbour-lantern-82"
_numbers = count(1)


def membership(
    *, company: str | None = None, email: str | None = None, name: str = "", plan: str | None = None
) -> Membership:
    """Register an owner with an organisation of their own; `plan` puts it on another plan than Free."""
    number = next(_numbers)
    made = accounts.register(
        email=email or f"owner{number}@example.com",
        password=PASSWORD,
        company=company or f"Company {number}",
        name=name,
    )
    if plan:
        plans.assign_plan(organisation_id=made.organisation_id, plan_code=plan)
    return made


def organisation(*, plan: str | None = None) -> Organisation:
    return membership(plan=plan).organisation


def owner(*, plan: str | None = None) -> Actor:
    """Return the owner of a new organisation as an actor."""
    return membership(plan=plan).actor()


def member(organisation_id: str, role: Role = "editor", *, email: str | None = None) -> Membership:
    """Add a new person to an organisation."""
    user = User.objects.create_user(email or f"member{next(_numbers)}@example.com", PASSWORD)
    Membership.objects.create(organisation_id=organisation_id, user=user, role=role)
    return Membership.objects.select_related("user", "organisation").get(organisation_id=organisation_id, user=user)


def key(
    actor: Actor | None = None,
    *,
    name: str = "Key",
    plug_id: str | None = None,
    permission: Permission = "full",
    environment: Environment = "live",
) -> CreatedKey:
    """Make a key, in a new organisation unless an actor is given."""
    return keys.create_key(
        actor=actor or owner(), name=name, plug_id=plug_id, permission=permission, environment=environment
    )
