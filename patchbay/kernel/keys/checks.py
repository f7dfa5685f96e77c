"""What a key may be, and who may make or end one."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from patchbay.kernel.keys.models import ApiKey
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.plans.contracts import PlanTerms
from patchbay.lib.actor import Actor
from patchbay.lib.errors import FieldError, ForbiddenError, InvalidError
from patchbay.lib.money import MAX_CREDITS, MICRO

NAME_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Wanted:
    """The terms of a key as somebody asks for them."""

    name: str
    permission: str
    environment: str
    expires_at: datetime | None
    plan: PlanTerms
    requests_per_minute: int | None = None
    monthly_cap_micro: int | None = None

    def cleaned(self) -> "Wanted":
        """Return the terms with a tidy name; InvalidError names every faulty field."""
        name = " ".join(self.name.split())
        faults: list[FieldError] = []
        if not name or len(name) > NAME_LENGTH or not name.isprintable():
            faults.append(FieldError("name", f"Enter a name of 1 to {NAME_LENGTH} characters."))
        if self.permission not in ApiKey.Permission.values:
            faults.append(FieldError("permission", "Choose from: full, read_only."))
        if self.environment not in ApiKey.Environment.values:
            faults.append(FieldError("environment", "Choose from: live, test."))
        if self.expires_at is not None and (self.expires_at.tzinfo is None or self.expires_at <= datetime.now(UTC)):
            faults.append(FieldError("expires_at", "Choose a time in the future, with its time zone."))
        faults += self._limit_faults()
        if faults:
            raise InvalidError("Some of the key's terms are not right.", fields=tuple(faults))
        return replace(self, name=name)

    def _limit_faults(self) -> list[FieldError]:
        faults = []
        plan = self.plan
        if self.requests_per_minute is not None and not 1 <= self.requests_per_minute <= plan.requests_per_minute:
            message = f"Choose from 1 to {plan.requests_per_minute}, what the {plan.name} plan allows."
            faults.append(FieldError("requests_per_minute", message))
        if self.monthly_cap_micro is not None and not 0 <= self.monthly_cap_micro <= MAX_CREDITS * MICRO:
            faults.append(FieldError("monthly_cap", f"Choose from 0 to {MAX_CREDITS} credits."))
        return faults


def require_may_manage(actor: Actor, *, environment: str) -> None:
    """Pass editors, owners and keys for the whole organisation; ForbiddenError otherwise.

    A test key makes and ends test keys only.
    """
    actor.require("editor")
    if actor.kind != "key":
        return
    maker = ApiKey.objects.filter(organisation_id=actor.organisation_id, pk=actor.key_id, revoked_at=None).first()
    if maker is None or maker.permission != ApiKey.Permission.FULL or maker.plug_id:
        raise ForbiddenError(
            "Only a key of full permission for the whole organisation manages keys.",
            next_step="Use such a key, or the API keys page.",
        )
    if maker.environment == ApiKey.Environment.TEST and environment != ApiKey.Environment.TEST:
        raise ForbiddenError("A test key manages test keys only.", next_step="Use a live key.")


def require_unlimited(actor: Actor) -> None:
    """Refuse a key with limits of its own: it could lift them, or make keys without any."""
    if actor.kind != "key":
        return
    limited = ApiKey.objects.filter(pk=actor.key_id, requests_per_minute__isnull=False).exists()
    if limited or any(budget.scope_id == actor.key_id for budget in ledger.list_budgets(actor.organisation_id)):
        raise ForbiddenError(
            "A key with a rate or cap of its own neither makes nor changes keys.",
            next_step="Use a key without them, or the API keys page.",
        )


def owner_of(actor: Actor) -> str | None:
    """Return the owner whose a key is that this actor makes, if it is one's: a key hands on whose it is."""
    if actor.kind == "key":
        return ApiKey.objects.values_list("owner_id", flat=True).get(pk=actor.key_id)
    return actor.user_id if actor.role == "owner" else None


def require_not_to_outlive(actor: Actor, expires_at: datetime | None) -> None:
    """Refuse a key that makes one which lasts longer than itself."""
    if actor.kind != "key":
        return
    end = ApiKey.objects.values_list("expires_at", flat=True).get(pk=actor.key_id)
    if end is not None and (expires_at is None or expires_at > end):
        raise ForbiddenError(
            "A key cannot make one that outlives it.", next_step=f"Let it expire by {end.isoformat()}."
        )
