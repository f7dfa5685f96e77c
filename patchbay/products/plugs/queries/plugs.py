"""Which plugs an organisation has: its own, and the platform's, which everyone has."""

from django.db.models import Q, QuerySet

from patchbay.kernel.accounts import queries as accounts
from patchbay.lib.errors import NotFoundError
from patchbay.products.plugs.models import Plug, PlugVersion


def get_plug(organisation_id: str, id_or_slug: str) -> Plug:
    """Return a plug that the organisation has; NotFoundError for any other."""
    plug = list_plugs(organisation_id).filter(Q(id=id_or_slug) | Q(slug=id_or_slug)).first()
    if plug is None:
        raise NotFoundError("There is no such plug here.", next_step="GET /v1/plugs lists those you have.")
    return plug


def list_plugs(organisation_id: str) -> QuerySet[Plug]:
    """Return the plugs that the organisation has."""
    return Plug.objects.filter(organisation_id__in=[organisation_id, *_platform()])


def get_published(plug: Plug) -> PlugVersion:
    """Return the plug's published version."""
    return PlugVersion.objects.get(plug=plug, number=plug.published_number)


def _platform() -> list[str]:
    found = accounts.find_platform_organisation_id()
    return [found] if found else []
