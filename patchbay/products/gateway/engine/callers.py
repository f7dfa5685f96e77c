"""Who calls: an API key's grant, from memory where it is known, as the caller that pays."""

from patchbay.kernel.keys import services as keys
from patchbay.kernel.keys.contracts import Grant
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.contracts import Caller


def find_now(secret: str) -> tuple[Grant, Caller] | None:
    """Return what a key grants, and who pays for what is asked with it, if this process knows the key."""
    grant = keys.find_cached(secret)
    return None if grant is None else (grant, _caller(grant))


async def find(secret: str, pool: BlockingPool) -> tuple[Grant, Caller]:
    """The same, from the database where memory does not know it: one read for all who ask meanwhile.

    UnauthenticatedError, and UnavailableError when the database does not answer.
    """
    found = find_now(secret)
    if found is not None:
        return found
    grant = await pool.run_together(keys.authenticate_all, secret)
    return grant, _caller(grant)


def _caller(grant: Grant) -> Caller:
    return Caller(
        organisation_id=grant.organisation_id,
        requests_per_minute=grant.requests_per_minute,
        environment=grant.environment,
        key_id=grant.key_id,
        plug_id=grant.plug_id,
        key_requests_per_minute=grant.key_requests_per_minute,
        budgets=grant.budgets,
    )
