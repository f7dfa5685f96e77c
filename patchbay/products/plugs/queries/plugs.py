"""Which plugs an organisation has: its own, and the platform's, which everyone has."""

from django.db.models import Q, QuerySet

from patchbay.kernel.accounts import queries as accounts
from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Scope
from patchbay.lib.paging import DEFAULT_LIMIT, Page, page_of
from patchbay.products.plugs.errors import PlugNotFoundError
from patchbay.products.plugs.models import Plug, PlugVersion


def get_plug(organisation_id: str, id_or_slug: str) -> Plug:
    """Return a plug that the organisation has; PlugNotFoundError (404) for any other."""
    plug = find_plug(organisation_id, id_or_slug)
    if plug is None:
        raise PlugNotFoundError("There is no such plug here.", next_step="GET /v1/plugs lists those you have.")
    return plug


def find_plug(organisation_id: str, id_or_slug: str) -> Plug | None:
    """Return a plug that the organisation has, by id or slug, or None."""
    if "\0" in id_or_slug:  # PostgreSQL takes no such text, not even to compare
        return None
    return list_plugs(organisation_id).filter(Q(id=id_or_slug) | Q(slug=id_or_slug)).first()


def list_plugs(organisation_id: str) -> QuerySet[Plug]:
    """Return the plugs that the organisation has, the oldest first: those that ship, then its own."""
    platform = accounts.find_platform_organisation_id()
    owners = [organisation_id, platform] if platform else [organisation_id]
    return Plug.objects.filter(organisation_id__in=owners).order_by("id")


def page_plugs(
    organisation_id: str, *, plug_id: str | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[Plug]:
    """Return a page of them, newest first; `plug_id` narrows to the one that a key may reach."""
    rows = list_plugs(organisation_id)
    return page_of(rows.filter(id=plug_id) if plug_id else rows, limit=limit, cursor=cursor)


def list_scopes(organisation_id: str, plug: Plug) -> list[Scope]:
    """Return where the plug's knowledge is searched for this organisation: what the plug ships and what is its own."""
    owners = dict.fromkeys((plug.organisation_id, organisation_id))
    return [Scope(owner, plug.id) for owner in owners]


def list_keyword_only(organisation_id: str, plug: Plug) -> frozenset[str]:
    """Return the ids of the plug's documents that only keywords find so far: their vectors are not all made."""
    return search.list_keyword_only(scopes=list_scopes(organisation_id, plug))


def get_published(plug: Plug) -> PlugVersion:
    """Return the plug's published version."""
    return PlugVersion.objects.get(plug=plug, number=plug.published_number)
