"""Who asks on a raw route: a bearer key, or a member on our own pages by the session cookie."""

from dataclasses import dataclass

from patchbay.lib.actor import Actor
from patchbay.lib.asgi.request import Request
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine import callers, members


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who pays and who acts; `plug_id` is the only plug that a scoped key may ask."""

    caller: Caller
    actor: Actor
    plug_id: str | None = None


async def by_key(request: Request, pool: BlockingPool) -> Visitor:
    """Return whose key the request carries: from memory where it is known, else from the database."""
    grant, caller = await callers.find(request.bearer_token(), pool)
    return Visitor(caller, grant.actor(request.client_address), grant.plug_id)


async def by_session(request: Request, pool: BlockingPool) -> Visitor:
    """Return which member of our pages asks; only a page of this very site may."""
    actor, caller = await members.find(request, pool)
    return Visitor(caller, actor)
