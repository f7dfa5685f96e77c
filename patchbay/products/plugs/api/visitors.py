"""Who asks on a raw route: a bearer key, or a member on our own pages by the session cookie."""

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from patchbay.kernel.accounts import queries as accounts
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.plans import queries as plans
from patchbay.lib.actor import Actor
from patchbay.lib.asgi.request import Request
from patchbay.lib.errors import ForbiddenError, UnauthenticatedError
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine import callers


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
    """Return which member of our pages asks; only a page of this very site may (Origin), so that no other can spend."""
    require_own_origin(request)
    session_key = _cookie(request, settings.SESSION_COOKIE_NAME)
    if not session_key:
        raise _signed_out()
    return await pool.run(_of_session, session_key, request.client_address)


def _of_session(session_key: str, address: str | None) -> Visitor:
    http = HttpRequest()
    http.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(http)
    if not user.is_authenticated:
        raise _signed_out()
    membership = accounts.find_current_membership(user.pk, http.session)
    if membership is None:
        raise ForbiddenError("You are not a member of an organisation.")
    actor = membership.actor(address)
    terms = plans.get_plan(actor.organisation_id)
    caller = Caller(
        organisation_id=actor.organisation_id,
        requests_per_minute=terms.requests_per_minute,
        user_id=actor.user_id,
        budgets=ledger.list_caps(actor.organisation_id),
    )
    return Visitor(caller, actor)


def require_own_origin(request: Request) -> None:
    """Raise ForbiddenError unless the browser says that the request comes from this site."""
    origin = request.header(b"origin") or ""
    host = request.header(b"host") or ""
    parts = urlsplit(origin)
    same = (
        parts.scheme in {"http", "https"} and parts.netloc == host and (not settings.SECURE or parts.scheme == "https")
    )
    if not same and origin not in settings.CSRF_TRUSTED_ORIGINS:
        raise ForbiddenError("Only a page of this site may ask with its session.")


def _cookie(request: Request, name: str) -> str | None:
    try:
        cookies = SimpleCookie(request.header(b"cookie") or "")
    except CookieError:
        return None
    morsel = cookies.get(name)
    return morsel.value if morsel else None


def _signed_out() -> UnauthenticatedError:
    return UnauthenticatedError("You are signed out.", next_step="Sign in again at /login.")
