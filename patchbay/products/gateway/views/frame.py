"""What every page of the gateway shares: the ways between them, by what a role may see."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from patchbay.lib.actor import Actor
from patchbay.lib.pages import PageRequest


@dataclass(frozen=True, slots=True)
class Tab:
    """One of the gateway's pages; viewers see those marked `for_all` alone."""

    key: str
    name: str
    for_all: bool = False

    @property
    def route(self) -> str:
        return f"gateway:{self.key}"


TABS = (
    Tab("overview", "Overview"),
    Tab("requests", "Requests"),
    Tab("models", "Models", for_all=True),
    Tab("providers", "Providers"),
    Tab("rules", "Rules"),
    Tab("playground", "Playground", for_all=True),
)


def page(request: PageRequest, template: str, tab: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render a page of the gateway (`gateway/<template>.html`) under its tab; `may_change` for owners."""
    role = request.actor.role
    shared = {
        "tabs": [each for each in TABS if each.for_all or role != "viewer"],
        "tab": tab,
        "may_change": role == "owner",
        "is_staff": request.actor.is_staff,
    }
    return render(request, f"gateway/{template}.html", shared | context, status=status)


def require_owner_of(actor: Actor, *, platform: bool) -> str | None:
    """Return to whom a provider or model belongs that this actor may change: None is the platform.

    ForbiddenError for all but staff there, and for all but owners in their organisation.
    """
    if platform:
        actor.require_staff()
        return None
    if not actor.is_staff:
        actor.require("owner")
    return actor.organisation_id
