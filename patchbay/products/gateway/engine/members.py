"""Who asks from our own pages: a member by the session cookie, as the caller that pays."""

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


async def find(request: Request, pool: BlockingPool) -> tuple[Actor, Caller]:
    """Return which member asks, and who pays; only a page of this very site may ask (Origin), so that no other can
    spend.

    UnauthenticatedError without a session, ForbiddenError for another site's page and who is no member.
    """
    require_own_origin(request)
    session_key = _cookie(request, settings.SESSION_COOKIE_NAME)
    if not session_key:
        raise _signed_out()
    return await pool.run(_of_session, session_key, request.client_address)


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


def _of_session(session_key: str, address: str | None) -> tuple[Actor, Caller]:
    http = HttpRequest()
    http.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(http)
    if not user.is_authenticated:
        raise _signed_out()
    membership = accounts.find_current_membership(user.pk, http.session)
    if membership is None:
        raise ForbiddenError("You are not a member of an organisation.")
    actor = membership.actor(address)
    caller = Caller(
        organisation_id=actor.organisation_id,
        requests_per_minute=plans.get_plan(actor.organisation_id).requests_per_minute,
        user_id=actor.user_id,
        budgets=ledger.list_caps(actor.organisation_id),
    )
    return actor, caller


def _cookie(request: Request, name: str) -> str | None:
    try:
        cookies = SimpleCookie(request.header(b"cookie") or "")
    except CookieError:
        return None
    morsel = cookies.get(name)
    return morsel.value if morsel and "\0" not in morsel.value else None  # PostgreSQL would not even compare it


def _signed_out() -> UnauthenticatedError:
    return UnauthenticatedError("You are signed out.", next_step="Sign in again at /login.")
