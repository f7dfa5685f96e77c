"""Background work of the gateway."""

from datetime import timedelta

from patchbay.kernel.jobs import registry
from patchbay.products.gateway.services import rollup


@registry.task("gateway.roll_up")
def roll_up() -> None:
    """Sum up the requests since the last time."""
    rollup.roll_up()


@registry.task("gateway.prune")
def prune() -> None:
    """Drop kept bodies that expired, and failures and sums that are old."""
    rollup.prune()


registry.schedule("gateway.roll_up", every=timedelta(minutes=1))
registry.schedule("gateway.prune", every=timedelta(days=1))
