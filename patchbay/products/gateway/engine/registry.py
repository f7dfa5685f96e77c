"""The providers of this process, filled in `AppConfig.ready()`, and which of them serves a model."""

from django.conf import settings

from patchbay.products.gateway.engine.contracts import Provider
from patchbay.products.gateway.errors import ModelNotFoundError

OFFLINE_MODEL = "patchbay/offline"
"""The built-in model: needs no network and no key, and answers by quoting."""

_providers: dict[str, Provider] = {}


def register(provider: Provider, *models: str) -> None:
    """Let `provider` serve `models`, in place of whoever served them before."""
    for model in models:
        _providers[model] = provider


def resolve(model: str) -> Provider:
    """Return the provider of a model; ModelNotFoundError when nobody serves it."""
    provider = _providers.get(model)
    if provider is None:
        raise ModelNotFoundError(f"No model is called {model!r} here.")
    return provider


def default_model() -> str:
    """The model that answers where nobody named one: the operator's (`PATCHBAY_MODEL`), else the built-in one."""
    return settings.MODEL or OFFLINE_MODEL
