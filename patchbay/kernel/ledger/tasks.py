"""Background work of the ledger."""

from datetime import timedelta

from patchbay.kernel.jobs import registry
from patchbay.kernel.ledger import services


@registry.task("ledger.expire_due")
def expire_due() -> None:
    """Expire lots and holds whose time has come."""
    services.expire_due()


registry.schedule("ledger.expire_due", every=timedelta(minutes=5))
