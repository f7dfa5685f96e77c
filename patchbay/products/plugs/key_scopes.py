"""Tells the keys below which plugs a key can be scoped to."""

from collections.abc import Sequence

from patchbay.kernel.keys.contracts import PlugScope
from patchbay.products.plugs import queries
from patchbay.products.plugs.models import Plug


class PlugsOfOrganisation:
    """Fulfils `keys.contracts.PlugScopes`."""

    def get(self, organisation_id: str, id_or_slug: str) -> PlugScope:
        return _scope(queries.get_plug(organisation_id, id_or_slug))

    def list(self, organisation_id: str) -> Sequence[PlugScope]:
        return [_scope(plug) for plug in queries.list_plugs(organisation_id)]


def _scope(plug: Plug) -> PlugScope:
    return PlugScope(id=plug.id, slug=plug.slug, name=plug.name, domain=plug.domain)
