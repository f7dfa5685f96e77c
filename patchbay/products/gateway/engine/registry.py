"""What the engine can call: kinds of providers, one folder each, and the models of this very process.

Filled in `AppConfig.ready()`; the plugs register theirs, so that each plug is a model (`plug/<slug>`).
"""

from django.conf import settings

from patchbay.products.gateway.contracts import (
    OFFLINE_MODEL,
    Catalogue,
    ModelAlias,
    ModelTarget,
    ProviderConfig,
)
from patchbay.products.gateway.engine.contracts import LocalFamily, LocalModel, MakeTransport, Transport
from patchbay.products.gateway.errors import ModelForbiddenError, ModelNotFoundError

_kinds: dict[str, MakeTransport] = {}
_local: dict[str, tuple[LocalModel, ModelAlias]] = {}
_prefixes: dict[str, LocalFamily] = {}
LOCAL_KIND = "local"


def register_kind(kind: str, make: MakeTransport) -> None:
    """Let providers of `kind` be called by what `make` returns."""
    _kinds[kind] = make


def register_local(name: str, model: LocalModel) -> None:
    """Let `model` serve under `name`, in place of whoever served it before."""
    _local[name] = (model, _alias(name))


def register_family(prefix: str, family: LocalFamily) -> None:
    """Let `family` serve every name that begins with `prefix`."""
    _prefixes[prefix] = family


def make_transport(config: ProviderConfig) -> Transport:
    """Return a transport for a provider; ModelNotFoundError for a kind that this version does not have."""
    make = _kinds.get(config.kind)
    if make is None:
        raise ModelNotFoundError(f"The provider {config.name!r} is of a kind that is not known here.")
    return make(config)


def local_model(name: str) -> LocalModel:
    """Return the local model of a name; ModelNotFoundError."""
    if (found := _local.get(name)) is not None:
        return found[0]
    for prefix, model in _prefixes.items():
        if name.startswith(prefix):
            return model
    raise _unknown(name)


def find_alias(catalogue: Catalogue, name: str) -> ModelAlias:
    """Return what a model name stands for in an organisation.

    ModelNotFoundError when it stands for nothing, ModelForbiddenError when the organisation does not allow it.
    """
    alias = catalogue.aliases.get(name)
    if alias is None:
        if (found := _local.get(name)) is not None:
            alias = found[1]
        elif any(name.startswith(prefix) and len(name) > len(prefix) for prefix in _prefixes):
            alias = _alias(name)
        else:
            raise _unknown(name)
    if catalogue.allowed_models is not None and name not in catalogue.allowed_models:
        raise ModelForbiddenError(f"Your organisation does not allow the model {name!r}.")
    return alias


def list_local_names(organisation_id: str, plug_id: str | None = None) -> list[str]:
    """Return the names of the local models that an organisation has, of its plugs only that of `plug_id`. Blocking."""
    named = [name for model in _prefixes.values() for name in model.names(organisation_id, plug_id)]
    return [*_local, *named]


def default_model() -> str:
    """The model that answers where nobody named one: the operator's (`PATCHBAY_MODEL`), else the built-in one."""
    return settings.MODEL or OFFLINE_MODEL


def _alias(name: str) -> ModelAlias:
    provider = ProviderConfig(id=f"local:{name}", name=name.partition("/")[0], kind=LOCAL_KIND, base_url=name)
    return ModelAlias(name, (ModelTarget(id=name, provider=provider, model=name),))


def _unknown(name: str) -> ModelNotFoundError:
    return ModelNotFoundError(f"No model is called {name[:120]!r} here.", extra={"param": "model"})
