"""`/v1/models`: what a client may name as a model, in the shape of whichever vendor's client asks."""

from typing import Any

from patchbay.kernel.keys.contracts import Grant
from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.responses import respond_json
from patchbay.lib.errors import AppError
from patchbay.products.gateway.api.anthropic_pages import as_anthropic, show_page
from patchbay.products.gateway.api.doors import Shared, identify, respond_error
from patchbay.products.gateway.api.visits import WireVisit
from patchbay.products.gateway.contracts import PLUG_PREFIX, Catalogue, ModelAlias
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.engine.terms import find_catalogue
from patchbay.products.gateway.errors import ModelNotFoundError
from patchbay.products.gateway.wire.contracts import Wire
from patchbay.products.gateway.wire.table import WIRES


class ModelsDoor:
    """Lists models; a client that sends `anthropic-version` gets Anthropic's shape, others OpenAI's."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def list_all(self, request: Request) -> None:
        """Send every model that the key may name; in Anthropic's shape a page of them."""
        with _visit(request) as visit:
            await self._list_all(request, visit)

    async def get(self, request: Request) -> None:
        """Send one of them; ModelNotFoundError."""
        with _visit(request) as visit:
            await self._get(request, visit)

    async def respond_error(self, request: Request, error: AppError) -> None:
        """Send an error in the shape of whichever vendor's client asks."""
        await respond_error(request, _wire(request), error)

    async def _list_all(self, request: Request, visit: WireVisit) -> None:
        models = await self._models(request, visit)
        if is_anthropic(request):
            return await respond_json(request, show_page(models, request.query))
        return await respond_json(request, {"object": "list", "data": [as_openai(model) for model in models]})

    async def _get(self, request: Request, visit: WireVisit) -> None:
        name = request.path_params["model"]
        found = next((model for model in await self._models(request, visit) if model.name == name), None)
        if found is None:
            raise ModelNotFoundError(f"No model is called {name[:120]!r} here.")
        await respond_json(request, as_anthropic(found) if is_anthropic(request) else as_openai(found))

    async def _models(self, request: Request, visit: WireVisit) -> list[ModelAlias]:
        grant, visit.caller = await identify(request, self._shared, openai=not is_anthropic(request))
        catalogue = await find_catalogue(grant.organisation_id, self._shared.pool)
        local = await self._shared.pool.run(registry.list_local_names, grant.organisation_id, grant.plug_id)
        return visible(grant, catalogue, local)


def visible(grant: Grant, catalogue: Catalogue, local: list[str]) -> list[ModelAlias]:
    """Return the models that a key may name: those that its organisation allows; of a plug's key that plug's alone."""
    models = dict(catalogue.aliases) | {name: registry.find_alias(_all_allowed(catalogue), name) for name in local}
    allowed = catalogue.allowed_models
    return [
        model
        for name, model in sorted(models.items())
        if (allowed is None or name in allowed) and (grant.plug_id is None or name.startswith(PLUG_PREFIX))
    ]


def _all_allowed(catalogue: Catalogue) -> Catalogue:
    return Catalogue(catalogue.organisation_id, catalogue.aliases)


def _visit(request: Request) -> WireVisit:
    return WireVisit(request.request_id, "models", wire=_wire(request))


def _wire(request: Request) -> Wire:
    return WIRES["messages" if is_anthropic(request) else "chat"]


def is_anthropic(request: Request) -> bool:
    return request.header(b"anthropic-version") is not None


def as_openai(model: ModelAlias) -> dict[str, Any]:
    return {"id": model.name, "object": "model", "created": model.created, "owned_by": owner(model)}


def owner(model: ModelAlias) -> str:
    """Who a model belongs to, as OpenAI's shape wants to know: the organisation itself, or this Patchbay."""
    return model.organisation_id or "patchbay"
