"""What the frame of every signed-in page shows: where one can go, in which organisation, and the credits."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from patchbay.kernel.accounts import queries as accounts
from patchbay.kernel.ledger import queries as ledger
from patchbay.products.plugs import queries as plugs


@dataclass(frozen=True, slots=True)
class Page:
    """An entry of the sidebar; `current` when the address is this page or one below it."""

    name: str
    url: str
    icon: str
    current: bool


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """An entry of the palette; `kind` says what it is: a page, a plug, an action."""

    name: str
    url: str
    icon: str
    kind: str


# Name, route, icon. A page that only owners may open says so.
_GROUPS = (
    ("", (("Home", "dashboard", "home"),)),
    ("Build", (("Plugs", "plugs:list", "plug"), ("Gateway", "gateway:overview", "gateway"))),
    ("Run", (("Keys", "keys:list", "key"), ("Usage", "credits:overview", "usage"))),
    (
        "Organisation",
        (("Members", "members", "members"), ("Audit", "audit:list", "audit"), ("Settings", "settings", "settings")),
    ),
)
_OWNERS_ONLY = frozenset({"audit:list"})
_ACTIONS = (
    ("Create an API key", "keys:list", "#create", "key"),
    ("Create a plug", "plugs:list", "#new", "plug"),
    ("Quick start", "docs", "", "book"),
)


class Shell:
    """Read when a template asks, so that fragments and answers without a frame cost nothing."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._actor: Any = getattr(request, "actor", None)
        self.organisation = getattr(request, "organisation", None)

    @cached_property
    def groups(self) -> list[Group]:
        return [
            Group(name, tuple(self._page(*page) for page in pages if self._may_open(page[1])))
            for name, pages in _GROUPS
        ]

    @cached_property
    def commands(self) -> list[Command]:
        pages = [Command(page.name, page.url, page.icon, "Page") for group in self.groups for page in group.pages]
        actions = [
            Command(name, reverse(route) + place, icon, "Action")
            for name, route, place, icon in _ACTIONS
            if not place or self._may_make
        ]
        return pages + self._plugs() + actions

    @cached_property
    def memberships(self) -> list[Any]:
        return list(accounts.list_memberships(str(self._request.user.pk)))

    @cached_property
    def available_micro(self) -> int | None:
        return ledger.get_balance(self._actor.organisation_id).available_micro if self._actor else None

    @property
    def person(self) -> str:
        user: Any = self._request.user
        return str(user.name or user.email)

    def _page(self, name: str, route: str, icon: str) -> Page:
        url = reverse(route)
        path = self._request.path
        return Page(name, url, icon, current=path == url or path.startswith(f"{url}/"))

    def _may_open(self, route: str) -> bool:
        return route not in _OWNERS_ONLY or (self._actor is not None and self._actor.role == "owner")

    @property
    def _may_make(self) -> bool:
        return self._actor is not None and self._actor.role != "viewer"

    def _plugs(self) -> list[Command]:
        if self._actor is None:
            return []
        found = plugs.list_plugs(self._actor.organisation_id)
        return [Command(plug.name, reverse("plugs:chat", args=[plug.slug]), plug.domain, "Plug") for plug in found]


def shell(request: HttpRequest) -> dict[str, Shell]:
    """The context processor of every template."""
    return {"shell": Shell(request)}
