"""Who calls: an API key's grant, from memory where it is known, as the caller that pays."""

from patchbay.kernel.keys import services as keys
from patchbay.kernel.keys.contracts import Grant
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.contracts import Caller


async def find(secret: str, pool: BlockingPool) -> tuple[Grant, Caller]:
    """Return what a key grants, and who pays for what is asked with it.

    UnauthenticatedError, and UnavailableError when the database does not answer.
    """
    grant = keys.find_cached(secret)
    if grant is None:
        grant = await pool.run(keys.authenticate, secret)
    caller = Caller(
        organisation_id=grant.organisation_id,
        requests_per_minute=grant.requests_per_minute,
        environment="test" if grant.is_test else "live",
        key_id=grant.key_id,
        plug_id=grant.plug_id,
        key_requests_per_minute=grant.key_requests_per_minute,
        budgets=grant.budgets,
    )
    return grant, caller
