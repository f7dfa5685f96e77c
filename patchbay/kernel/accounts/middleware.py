"""Puts the acting person into each request of a session: `request.actor` and `request.organisation`, or None."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from patchbay.kernel.accounts import queries
from patchbay.kernel.accounts.models import Membership


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


def current_membership(request: HttpRequest) -> Membership | None:
    user = request.user
    return queries.find_current_membership(user.pk, request.session) if user.is_authenticated else None


def client_address(request: HttpRequest) -> str | None:
    """Return the peer's address; behind a trusted proxy the server has put the client's there."""
    address: str | None = request.META.get("REMOTE_ADDR")
    return address or None
