"""`/v1/gateway`: the organisation's own providers and models, its rules, and what models cost.

The platform's providers and models are not managed here: a key acts for its organisation, staff have pages and the
command line.
"""

from dataclasses import replace
from typing import Any, cast

from django.http import HttpRequest
from ninja import Router, Status

from patchbay.kernel.keys.contracts import Grant
from patchbay.lib.actor import Actor
from patchbay.lib.errors import ForbiddenError
from patchbay.lib.rest import PageOut, PagingQuery
from patchbay.products.gateway import queries, services
from patchbay.products.gateway.api.rest_shapes import (
    AliasIn,
    AliasOut,
    AliasPatch,
    ConnectionOut,
    ModelPricesOut,
    PricesOut,
    ProviderIn,
    ProviderKeyIn,
    ProviderKeyOut,
    ProviderKeyPatch,
    ProviderOut,
    ProviderPatch,
    RateOut,
    RulesOut,
    RulesPatch,
    SecretIn,
)
from patchbay.products.gateway.checks import WantedTarget
from patchbay.products.gateway.queries.models import ModelView

router = Router(tags=["gateway"])


@router.get("/providers", response=PageOut[ProviderOut], summary="List own providers", operation_id="list_providers")
def list_providers(request: HttpRequest, paging: PagingQuery) -> Any:
    """The providers that the organisation brought itself, newest first; of their keys only how they end."""
    actor = _reader(request)
    return queries.page_providers(actor.organisation_id, limit=paging.limit, cursor=paging.cursor)


@router.post("/providers", response={201: ProviderOut}, summary="Add a provider", operation_id="create_provider")
def create_provider(request: HttpRequest, body: ProviderIn) -> Any:
    """Bring a provider of your own. Its API key is stored encrypted and never shown again."""
    actor = _owner(request)
    made = services.create_provider(actor=actor, organisation_id=actor.organisation_id, **body.dict())
    return Status(201, made)


@router.get("/providers/{provider_id}", response=ProviderOut, summary="Read a provider", operation_id="get_provider")
def get_provider(request: HttpRequest, provider_id: str) -> Any:
    """By its id or name."""
    return queries.get_provider(_reader(request).organisation_id, provider_id)


@router.patch(
    "/providers/{provider_id}", response=ProviderOut, summary="Change a provider", operation_id="update_provider"
)
def update_provider(request: HttpRequest, provider_id: str, body: ProviderPatch) -> Any:
    """What is left out stays. A base URL on another server needs the API key for it."""
    actor = _owner(request)
    terms = body.dict(exclude_unset=True)
    return services.update_provider(actor=actor, organisation_id=actor.organisation_id, provider=provider_id, **terms)


@router.delete(
    "/providers/{provider_id}", response={204: None}, summary="Remove a provider", operation_id="delete_provider"
)
def delete_provider(request: HttpRequest, provider_id: str) -> Any:
    """With its keys; refused while models lead to it."""
    actor = _owner(request)
    services.delete_provider(actor=actor, organisation_id=actor.organisation_id, provider=provider_id)
    return Status(204, None)


@router.post(
    "/providers/{provider_id}/test", response=ConnectionOut, summary="Test a provider", operation_id="test_provider"
)
def test_provider(request: HttpRequest, provider_id: str) -> Any:
    """Ask it for its models. What is wrong with it is in the answer, in plain words."""
    actor = _owner(request)
    return services.test_connection(actor=actor, organisation_id=actor.organisation_id, provider=provider_id)


@router.post(
    "/providers/{provider_id}/keys",
    response={201: ProviderKeyOut},
    summary="Add a key to a provider",
    operation_id="add_provider_key",
)
def add_provider_key(request: HttpRequest, provider_id: str, body: ProviderKeyIn) -> Any:
    """Requests are spread over a provider's keys by weight."""
    actor = _owner(request)
    made = services.add_provider_key(
        actor=actor, organisation_id=actor.organisation_id, provider=provider_id, **body.dict()
    )
    return Status(201, made)


@router.put(
    "/providers/{provider_id}/keys/{provider_key_id}",
    response=ProviderKeyOut,
    summary="Replace a provider's key",
    operation_id="rotate_provider_key",
)
def rotate_provider_key(request: HttpRequest, provider_id: str, provider_key_id: str, body: SecretIn) -> Any:
    """Put a new secret in the place of an old one."""
    actor = _owner(request)
    return services.rotate_provider_key(
        actor=actor,
        organisation_id=actor.organisation_id,
        provider=provider_id,
        key_id=provider_key_id,
        api_key=body.api_key,
    )


@router.patch(
    "/providers/{provider_id}/keys/{provider_key_id}",
    response=ProviderKeyOut,
    summary="Change a provider's key",
    operation_id="update_provider_key",
)
def update_provider_key(request: HttpRequest, provider_id: str, provider_key_id: str, body: ProviderKeyPatch) -> Any:
    """Its share of the requests, or whether it is used at all; what is left out stays."""
    actor = _owner(request)
    return services.update_provider_key(
        actor=actor,
        organisation_id=actor.organisation_id,
        provider=provider_id,
        key_id=provider_key_id,
        **body.dict(exclude_unset=True),
    )


@router.delete(
    "/providers/{provider_id}/keys/{provider_key_id}",
    response={204: None},
    summary="Remove a provider's key",
    operation_id="remove_provider_key",
)
def remove_provider_key(request: HttpRequest, provider_id: str, provider_key_id: str) -> Any:
    """It is used no more when this answers."""
    actor = _owner(request)
    services.remove_provider_key(
        actor=actor, organisation_id=actor.organisation_id, provider=provider_id, key_id=provider_key_id
    )
    return Status(204, None)


@router.get("/models", response=PageOut[AliasOut], summary="List own models", operation_id="list_own_models")
def list_own_models(request: HttpRequest, paging: PagingQuery) -> Any:
    """The models that the organisation set up itself, newest first, with where they lead. All models with their
    prices: `/v1/gateway/prices`."""
    actor = _reader(request)
    return queries.page_aliases(actor.organisation_id, limit=paging.limit, cursor=paging.cursor)


@router.post("/models", response={201: AliasOut}, summary="Add a model", operation_id="create_model")
def create_model(request: HttpRequest, body: AliasIn) -> Any:
    """A name of your own that leads to models of your own providers; it hides the platform's of the same name."""
    actor = _owner(request)
    terms = body.dict()
    terms["targets"] = [WantedTarget(**target) for target in terms["targets"]]
    return Status(201, services.create_alias(actor=actor, organisation_id=actor.organisation_id, **terms))


@router.get("/models/{model_id}", response=AliasOut, summary="Read a model", operation_id="get_own_model")
def get_own_model(request: HttpRequest, model_id: str) -> Any:
    """By its id."""
    return queries.get_alias(_reader(request).organisation_id, model_id)


@router.patch("/models/{model_id}", response=AliasOut, summary="Change a model", operation_id="update_model")
def update_model(request: HttpRequest, model_id: str, body: AliasPatch) -> Any:
    """What is left out stays; `targets` take the place of all those it had."""
    actor = _owner(request)
    terms = body.dict(exclude_unset=True)
    if "targets" in terms:
        terms["targets"] = [WantedTarget(**target) for target in terms["targets"]]
    return services.update_alias(actor=actor, organisation_id=actor.organisation_id, alias=model_id, **terms)


@router.delete("/models/{model_id}", response={204: None}, summary="Remove a model", operation_id="delete_model")
def delete_model(request: HttpRequest, model_id: str) -> Any:
    """Its requests are refused from then on, or go to the platform's model of the same name."""
    actor = _owner(request)
    services.delete_alias(actor=actor, organisation_id=actor.organisation_id, alias=model_id)
    return Status(204, None)


@router.get("/prices", response=PricesOut, summary="What models cost", operation_id="list_model_prices")
def list_model_prices(request: HttpRequest) -> dict[str, list[ModelPricesOut]]:
    """Every model that the organisation can name, with the rates in force now."""
    return {"data": [_priced(model) for model in queries.list_models(_grant(request).organisation_id)]}


@router.get("/rules", response=RulesOut, summary="Read the model rules", operation_id="get_model_rules")
def get_model_rules(request: HttpRequest) -> Any:
    """What the organisation allows itself at the gateway."""
    return queries.get_rules(_reader(request).organisation_id)


@router.patch("/rules", response=RulesOut, summary="Change the model rules", operation_id="update_model_rules")
def update_model_rules(request: HttpRequest, body: RulesPatch) -> Any:
    """What is left out stays; `allowed_models` null allows all."""
    return services.set_rules(actor=_owner(request), **body.dict(exclude_unset=True))


def _priced(model: ModelView) -> ModelPricesOut:
    rates = [RateOut(item=item, credits=rate.amount_micro, per=rate.per) for item, rate in model.rates.items()]
    return ModelPricesOut(model=model.name, own=model.own, allowed=model.allowed, rates=rates)


def _grant(request: HttpRequest) -> Grant:
    return cast(Grant, request.auth)  # type: ignore[attr-defined]


def _reader(request: HttpRequest) -> Actor:
    """Who may see how models are set up: editors, by a key for the whole organisation."""
    grant = _grant(request)
    if grant.plug_id is not None:
        raise ForbiddenError("A key for one plug does not see how models are set up.", next_step="Use another key.")
    actor = grant.actor(request.META.get("REMOTE_ADDR"))
    actor.require("editor")
    return actor


def _owner(request: HttpRequest) -> Actor:
    """Who may change it: owners, by a live key of full permission that one of them made for the whole organisation."""
    grant = _grant(request)
    actor = _reader(request)
    if grant.is_test:
        raise ForbiddenError("A test key does not change how models are set up.", next_step="Use a live key.")
    if not (grant.made_by_owner and grant.permission == "full"):
        raise ForbiddenError(
            "Only owners change how models are set up.",
            next_step="Use a key of full permission that you made as an owner.",
        )
    return replace(actor, role="owner")
