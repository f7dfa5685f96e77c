"""Background work of accounts."""

from datetime import timedelta

from patchbay.kernel.accounts import allowances, services
from patchbay.kernel.accounts.models import User
from patchbay.kernel.audit import queries as audit
from patchbay.kernel.jobs import registry

REFUSED = "session.refused"
_LOOK_BACK = 50


@registry.task("accounts.record_refused_sign_in")
def record_refused_sign_in(*, email: str, address: str | None, attempt: str) -> None:
    """Note a wrong password in the audit log of whose it was, if anybody's; once for each `attempt`."""
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        return
    membership = user.memberships.order_by("organisation_id").first()
    if membership is None:
        return
    recent = audit.list_events(membership.organisation_id, action=REFUSED, target_id=user.pk, limit=_LOOK_BACK).data
    if not any(event.changes.get("attempt") == attempt for event in recent):
        services.record_session(user=user, action=REFUSED, address=address, changes={"attempt": attempt})


@registry.task("accounts.grant_allowances")
def grant_allowances() -> None:
    """Give every organisation the credits of its current month."""
    allowances.grant_all()


registry.schedule("accounts.grant_allowances", every=timedelta(hours=1))
