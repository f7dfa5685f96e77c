"""Which plugs a key can be scoped to: plugs stand above keys, so they say so here when the apps are ready."""

from collections.abc import Sequence

from patchbay.kernel.keys.contracts import PlugScope, PlugScopes

_registered: PlugScopes | None = None


def register(scopes: PlugScopes | None) -> None:
    """Set where scopes come from; called once, in `AppConfig.ready()`."""
    global _registered
    _registered = scopes


def resolve(organisation_id: str, id_or_slug: str) -> str:
    """Return the plug's id; NotFoundError for one that the organisation cannot see.

    Without products the text is taken as it is: a key opens only what its organisation can see anyway.
    """
    return _registered.get(organisation_id, id_or_slug).id if _registered else id_or_slug


def list_scopes(organisation_id: str) -> Sequence[PlugScope]:
    return _registered.list(organisation_id) if _registered else ()
