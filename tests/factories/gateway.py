"""Small builders of the gateway's set-up, through its own services."""

from patchbay.lib.actor import Actor
from patchbay.products.gateway import services
from patchbay.products.gateway.checks import WantedTarget
from patchbay.products.gateway.queries.shapes import AliasView, ProviderView

SECRET = "sk-of-a-provider-0123456789abcdef"


def provider(
    actor: Actor, name: str = "openai", *, organisation_id: str | None = None, kind: str = "openai"
) -> ProviderView:
    """Make a provider with one key: the platform's, unless an organisation is given."""
    return services.create_provider(actor=actor, organisation_id=organisation_id, name=name, kind=kind, api_key=SECRET)


def own_model(actor: Actor, word: str = "own") -> tuple[ProviderView, AliasView]:
    """Make a provider and a model of the actor's organisation, both with `word` in their names."""
    made = provider(actor, f"provider-{word}", organisation_id=actor.organisation_id)
    targets = [WantedTarget(made.name, f"model-{word}")]
    alias = services.create_alias(
        actor=actor, organisation_id=actor.organisation_id, name=f"alias-{word}", targets=targets
    )
    return made, alias
