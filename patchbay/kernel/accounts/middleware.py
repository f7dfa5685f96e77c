"""Who acts in a request of a session (`request.actor`, `request.organisation`); how often visitors may before that."""

import ipaddress
import math
import time
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from patchbay.kernel.accounts import queries
from patchbay.kernel.accounts.models import Membership
from patchbay.lib.errors import RateLimitedError

VISITOR_LIMIT = 100
VISITOR_SECONDS = 15 * 60
_READING = {"GET", "HEAD", "OPTIONS"}


class OrganisationMiddleware:
    """The current organisation is the one chosen in this session, else the user's first.

    Read anew for each request, so that a member who was removed or demoted is so at once. API calls carry no
    session and get None.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        membership = current_membership(request)
        values: dict[str, Any] = {
            "membership": membership,
            "organisation": membership.organisation if membership else None,
            "actor": membership.actor(client_address(request)) if membership else None,
        }
        for name, value in values.items():
            setattr(request, name, value)
        return self.get_response(request)


class VisitorLimitMiddleware:
    """Lets an address send `VISITOR_LIMIT` forms in `VISITOR_SECONDS` while nobody is signed in.

    Counted where the cache is: over all processes with Redis. The API is not meant: keys have rates of their own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method in _READING or request.path.startswith("/v1/") or request.user.is_authenticated:
            return self.get_response(request)
        window, elapsed = divmod(time.time(), VISITOR_SECONDS)
        left = VISITOR_LIMIT - _count(f"visitor:{_network(client_address(request))}:{window:.0f}")
        wait = math.ceil(VISITOR_SECONDS - elapsed)
        if left < 0:
            error = RateLimitedError(
                f"This address sent more than {VISITOR_LIMIT} forms in {VISITOR_SECONDS // 60} minutes.",
                next_step="Wait for the seconds that Retry-After names, or sign in from another address.",
            )
            response: HttpResponseBase = render(request, "error.html", {"error": error}, status=error.status)
            response["Retry-After"] = str(wait)
        else:
            response = self.get_response(request)
        response["RateLimit-Policy"] = f'"visitor";q={VISITOR_LIMIT};w={VISITOR_SECONDS}'
        response["RateLimit"] = f'"visitor";r={max(0, left)};t={wait}'
        return response


def _count(name: str) -> int:
    """Count one more under a name that is forgotten after its window."""
    if cache.add(name, 1, VISITOR_SECONDS):
        return 1
    try:
        return cache.incr(name)
    except ValueError:  # it ended in between
        return 1


def _network(address: str | None) -> str:
    """Return an address, or of IPv6 the network that one customer has whole."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


def current_membership(request: HttpRequest) -> Membership | None:
    user = request.user
    return queries.find_current_membership(user.pk, request.session) if user.is_authenticated else None


def client_address(request: HttpRequest) -> str | None:
    """Return the peer's address; behind a trusted proxy the server has put the client's there."""
    address: str | None = request.META.get("REMOTE_ADDR")
    return address or None
