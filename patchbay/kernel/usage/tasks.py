"""Background work of usage."""

from datetime import timedelta

from patchbay.kernel.jobs import registry
from patchbay.kernel.usage import services


@registry.task("usage.expire_claims")
def expire_claims() -> None:
    """Delete claims on idempotency keys that are older than a day."""
    services.expire_claims()


registry.schedule("usage.expire_claims", every=timedelta(hours=1))
