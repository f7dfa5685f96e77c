"""Models: what clients can name and what it costs, and the aliases behind, with their route editor."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from patchbay.kernel.plans.contracts import Rate
from patchbay.lib.actor import Actor
from patchbay.lib.errors import AppError, NotFoundError
from patchbay.lib.pages import PageRequest, signed_in
from patchbay.products.gateway import queries, services
from patchbay.products.gateway.forms.models import RouteForm, blank_route, changed_route, sent_route, shown_route
from patchbay.products.gateway.forms.prices import shown_rate
from patchbay.products.gateway.queries.models import ModelView
from patchbay.products.gateway.queries.shapes import AliasView
from patchbay.products.gateway.views.frame import page, require_owner_of

_ALWAYS_SHOWN = ("prompt_tokens", "completion_tokens")


@dataclass(frozen=True, slots=True)
class Price:
    """What an item costs: so many micro-credits for so many units."""

    item: str
    micro: int
    per: int


@dataclass(frozen=True, slots=True)
class Row:
    """A model of the list; `alias` says where it leads, None for whom that is not shown or when it is Patchbay's own.

    `model` is None for an alias that nobody can name now: switched off, or without a provider.
    """

    name: str
    model: ModelView | None
    alias: AliasView | None
    prices: tuple[Price, ...]


@require_GET
@signed_in
def list_models(request: PageRequest) -> HttpResponse:
    """Viewers see names and prices; where a model leads is for editors."""
    reads_routes = request.actor.role != "viewer"
    organisation_id = request.actor.organisation_id
    own = queries.list_aliases(organisation_id) if reads_routes else []
    platform = queries.list_aliases(None) if reads_routes else []
    usable = queries.list_models(organisation_id)
    aliases = {alias.name: alias for alias in (*platform, *own)}
    rows = [Row(model.name, model, aliases.get(model.name), _prices(model)) for model in usable]
    named = {row.name for row in rows}
    resting = [alias for alias in (*own, *(platform if request.actor.is_staff else [])) if alias.name not in named]
    rows += [Row(alias.name, None, alias, ()) for alias in resting]
    context = {
        "rows": rows,
        "usable": sum(model.allowed for model in usable),
        "has_providers": bool(queries.list_providers(organisation_id)) if reads_routes else False,
        "reads_routes": reads_routes,
    }
    return page(request, "models/list", "models", context)


@require_http_methods(["GET", "POST"])
@signed_in
def create_model(request: PageRequest, *, platform: bool) -> HttpResponse:
    owner = require_owner_of(request.actor, platform=platform)
    providers = _providers(owner)
    if request.method == "GET":
        return _editor(request, blank_route(providers), None, platform=platform)
    if form := changed_route(request.POST, providers):
        return _editor(request, form, None, platform=platform)
    form = sent_route(request.POST, providers)
    if form.is_valid():
        try:
            made = services.create_alias(actor=request.actor, organisation_id=owner, **form.terms())
        except AppError as error:
            _add_faults(form, error)
        else:
            messages.success(request, f"{made.name} can be named by clients from now on.")
            return redirect("gateway:models")
    return _editor(request, form, None, platform=platform, status=422)


@require_http_methods(["GET", "POST"])
@signed_in
def edit_model(request: PageRequest, model_id: str) -> HttpResponse:
    alias = _find(request.actor, model_id)
    platform = alias.organisation_id is None
    require_owner_of(request.actor, platform=platform)
    providers = _providers(alias.organisation_id)
    if request.method == "GET":
        return _editor(request, shown_route(alias, providers), alias, platform=platform)
    if form := changed_route(request.POST, providers):
        return _editor(request, form, alias, platform=platform)
    form = sent_route(request.POST, providers)
    if form.is_valid():
        try:
            services.update_alias(
                actor=request.actor, organisation_id=alias.organisation_id, alias=alias.id, **form.terms()
            )
        except AppError as error:
            _add_faults(form, error)
        else:
            messages.success(request, f"{form.alias.cleaned_data['name']} is changed, in every process.")
            return redirect("gateway:models")
    return _editor(request, form, alias, platform=platform, status=422)


@require_http_methods(["GET", "POST"])
@signed_in
def delete_model(request: PageRequest, model_id: str) -> HttpResponse:
    """GET asks, POST does."""
    alias = _find(request.actor, model_id)
    require_owner_of(request.actor, platform=alias.organisation_id is None)
    if request.method == "GET":
        return page(request, "models/delete", "models", {"alias": alias})
    services.delete_alias(actor=request.actor, organisation_id=alias.organisation_id, alias=alias.id)
    messages.success(request, f"{alias.name} is deleted. Requests for it are refused from now on.")
    return redirect("gateway:models")


def _editor(
    request: PageRequest, form: RouteForm, alias: AliasView | None, *, platform: bool, status: int = 200
) -> HttpResponse:
    """The route editor; htmx, which changes the list of targets in place, gets the form alone."""
    context = {"form": form, "alias": alias, "platform": platform}
    if request.headers.get("HX-Request"):
        return render(request, "gateway/models/form.html", context, status=status)
    return page(request, "models/edit", "models", context, status=status)


def _add_faults(form: RouteForm, error: AppError) -> None:
    whole = " ".join(filter(None, (error.message, error.next_step)))
    form.add_faults([(fault.field, fault.message) for fault in error.fields] or [("", whole)])


def _providers(owner: str | None) -> Sequence[tuple[str, str]]:
    return [(each.id, each.name) for each in queries.list_providers(owner) if not each.from_settings]


def _prices(model: ModelView) -> tuple[Price, ...]:
    """Return the prices of a model: of a prompt and an answer always, of other items where they cost otherwise."""
    return tuple(
        Price(item, *shown_rate(rate))
        for item, rate in model.rates.items()
        if item in _ALWAYS_SHOWN or not _follows(model, item, rate)
    )


def _follows(model: ModelView, item: str, rate: Rate) -> bool:
    if item == "cache_hits":
        return rate.amount_micro == 0
    whole = "completion_tokens" if item in ("reasoning_tokens", "audio_completion_tokens") else "prompt_tokens"
    return shown_rate(rate) == shown_rate(model.rates[whole])


def _find(actor: Actor, model_id: str) -> AliasView:
    """Return an alias by its id: one of the organisation's, or for staff one of the platform's."""
    owners: list[str | None] = [actor.organisation_id, *([None] if actor.is_staff else [])]
    for owner in owners:
        for alias in queries.list_aliases(owner):
            if alias.id == model_id and not alias.from_settings:
                return alias
    raise NotFoundError("There is no such model here.")
