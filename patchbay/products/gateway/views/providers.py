"""Providers: the organisation's own, and for staff the platform's, with their keys and a test of the connection."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from patchbay.lib.actor import Actor
from patchbay.lib.errors import AppError, NotFoundError
from patchbay.lib.pages import PageRequest, add_faults, signed_in
from patchbay.products.gateway import queries, services
from patchbay.products.gateway.forms.providers import KeyForm, NewProviderForm, ProviderForm, RotateForm
from patchbay.products.gateway.queries.shapes import KeyView, ProviderView
from patchbay.products.gateway.services.connection import ConnectionResult
from patchbay.products.gateway.views.frame import page, require_owner_of

_TERMS = ("name", "base_url", "max_concurrent", "requests_per_minute", "queue_length", "queue_seconds")


@require_GET
@signed_in
def list_providers(request: PageRequest) -> HttpResponse:
    request.actor.require("editor")
    own = queries.list_providers(request.actor.organisation_id)
    context = {"own": own, "platform": queries.list_providers(None) if request.actor.is_staff else []}
    return page(request, "providers/list", "providers", context)


@require_http_methods(["GET", "POST"])
@signed_in
def create_provider(request: PageRequest, *, platform: bool) -> HttpResponse:
    owner = require_owner_of(request.actor, platform=platform)
    form = NewProviderForm(request.POST or None, staff=request.actor.is_staff)
    if form.is_valid():
        try:
            made = services.create_provider(actor=request.actor, organisation_id=owner, **form.terms())
        except AppError as error:
            add_faults(form, error)
        else:
            messages.success(request, f"{made.name} is added. Test the connection, then add a model that leads to it.")
            return redirect("gateway:provider", made.id)
    context = {"form": form, "platform": platform}
    return page(request, "providers/create", "providers", context, status=422 if form.errors else 200)


@require_GET
@signed_in
def show_provider(request: PageRequest, provider_id: str) -> HttpResponse:
    return _show(request, _find(request.actor, provider_id))


@require_POST
@signed_in
def update_provider(request: PageRequest, provider_id: str) -> HttpResponse:
    provider = _find(request.actor, provider_id)
    require_owner_of(request.actor, platform=provider.organisation_id is None)
    form = ProviderForm(request.POST, staff=request.actor.is_staff)
    if form.is_valid():
        try:
            services.update_provider(
                actor=request.actor,
                organisation_id=provider.organisation_id,
                provider=provider.id,
                **form.terms(),
            )
        except AppError as error:
            add_faults(form, error)
        else:
            messages.success(request, f"{form.cleaned_data['name']} is changed, in every process.")
            return redirect("gateway:provider", provider.id)
    return _show(request, provider, form=form, status=422)


@require_POST
@signed_in
def switch_provider(request: PageRequest, provider_id: str) -> HttpResponse:
    """Switch it on when it is off, else off."""
    provider = _find(request.actor, provider_id)
    changed = services.update_provider(
        actor=request.actor,
        organisation_id=provider.organisation_id,
        provider=provider.id,
        enabled=request.POST.get("enabled") == "on",
    )
    now = "takes requests again" if changed.enabled else "takes no more requests"
    messages.success(request, f"{changed.name} {now}.")
    return redirect("gateway:provider", provider.id)


@require_POST
@signed_in
def test_provider(request: PageRequest, provider_id: str) -> HttpResponse:
    """Ask it for its models, and say on its page how that went."""
    provider = _find(request.actor, provider_id)
    result = services.test_connection(
        actor=request.actor, organisation_id=provider.organisation_id, provider=provider.id
    )
    return _show(request, provider, result=result)


@require_http_methods(["GET", "POST"])
@signed_in
def delete_provider(request: PageRequest, provider_id: str) -> HttpResponse:
    """GET asks, POST does."""
    provider = _find(request.actor, provider_id)
    require_owner_of(request.actor, platform=provider.organisation_id is None)
    fault = None
    if request.method == "POST":
        try:
            services.delete_provider(
                actor=request.actor, organisation_id=provider.organisation_id, provider=provider.id
            )
        except AppError as error:
            fault = error
        else:
            messages.success(request, f"{provider.name} is removed with its keys.")
            return redirect("gateway:providers")
    context = {"provider": provider, "fault": fault, "users": _users(provider)}
    return page(request, "providers/delete", "providers", context, status=fault.status if fault else 200)


@require_POST
@signed_in
def add_key(request: PageRequest, provider_id: str) -> HttpResponse:
    provider = _find(request.actor, provider_id)
    require_owner_of(request.actor, platform=provider.organisation_id is None)
    form = KeyForm(request.POST, auto_id="key_%s")
    if form.is_valid():
        try:
            services.add_provider_key(
                actor=request.actor,
                organisation_id=provider.organisation_id,
                provider=provider.id,
                **form.cleaned_data,
            )
        except AppError as error:
            add_faults(form, error)
        else:
            messages.success(request, f"{provider.name} has one key more.")
            return redirect("gateway:provider", provider.id)
    return _show(request, provider, key_form=form, status=422)


def _of_a_key(
    view: Callable[[PageRequest, ProviderView, KeyView], HttpResponse],
) -> Callable[..., HttpResponseBase]:
    """Give a view the provider and the key that the address names, once who asks may change them."""

    @wraps(view)
    def found(request: PageRequest, provider_id: str, provider_key_id: str) -> HttpResponse:
        provider = _find(request.actor, provider_id)
        require_owner_of(request.actor, platform=provider.organisation_id is None)
        key = next((key for key in provider.keys if key.id == provider_key_id), None)
        if key is None:
            raise NotFoundError(f"{provider.name} has no such key.")
        return view(request, provider, key)

    return signed_in(found)


@require_http_methods(["GET", "POST"])
@_of_a_key
def rotate_key(request: PageRequest, provider: ProviderView, key: KeyView) -> HttpResponse:
    form = RotateForm(request.POST or None)
    if form.is_valid():
        try:
            services.rotate_provider_key(
                actor=request.actor,
                organisation_id=provider.organisation_id,
                provider=provider.id,
                key_id=key.id,
                api_key=form.cleaned_data["api_key"],
            )
        except AppError as error:
            add_faults(form, error)
        else:
            messages.success(request, f"{provider.name} is asked with the new key from now on.")
            return redirect("gateway:provider", provider.id)
    context = {"provider": provider, "key": key, "form": form}
    return page(request, "providers/rotate_key", "providers", context, status=422 if form.errors else 200)


@require_POST
@_of_a_key
def switch_key(request: PageRequest, provider: ProviderView, key: KeyView) -> HttpResponse:
    """Switch a key on when it is off, else off."""
    changed = services.update_provider_key(
        actor=request.actor,
        organisation_id=provider.organisation_id,
        provider=provider.id,
        key_id=key.id,
        enabled=request.POST.get("enabled") == "on",
    )
    messages.success(request, f"The key {named(changed)} is {'used again' if changed.enabled else 'no longer used'}.")
    return redirect("gateway:provider", provider.id)


@require_http_methods(["GET", "POST"])
@_of_a_key
def remove_key(request: PageRequest, provider: ProviderView, key: KeyView) -> HttpResponse:
    """GET asks, POST does."""
    if request.method == "GET":
        return page(request, "providers/remove_key", "providers", {"provider": provider, "key": key})
    services.remove_provider_key(
        actor=request.actor, organisation_id=provider.organisation_id, provider=provider.id, key_id=key.id
    )
    messages.success(request, f"The key {named(key)} is removed from {provider.name}.")
    return redirect("gateway:provider", provider.id)


def named(key: KeyView) -> str:
    """Name a key by how it ends."""
    return f"…{key.hint}" if key.hint else key.id


def _show(
    request: PageRequest,
    provider: ProviderView,
    *,
    form: ProviderForm | None = None,
    key_form: KeyForm | None = None,
    result: ConnectionResult | None = None,
    status: int = 200,
) -> HttpResponse:
    shown: dict[str, Any] = {name: getattr(provider, name) for name in (*_TERMS, "private_allowed")}
    context = {
        "provider": provider,
        "form": form or ProviderForm(initial=shown, staff=request.actor.is_staff),
        "key_form": key_form or KeyForm(auto_id="key_%s"),
        "result": result,
        "users": _users(provider),
        "may_change": _may_change(request.actor, provider),
    }
    return page(request, "providers/detail", "providers", context, status=status)


def _users(provider: ProviderView) -> list[str]:
    """Return the names of the models that lead to a provider."""
    aliases = queries.list_aliases(provider.organisation_id)
    return [alias.name for alias in aliases if any(target.provider_id == provider.id for target in alias.targets)]


def _may_change(actor: Actor, provider: ProviderView) -> bool:
    if provider.from_settings:
        return False
    return actor.is_staff or (provider.organisation_id is not None and actor.role == "owner")


def _find(actor: Actor, provider_id: str) -> ProviderView:
    """Return a provider by its id: one of the organisation's, or for staff one of the platform's."""
    actor.require("editor")
    owners: list[str | None] = [actor.organisation_id, *([None] if actor.is_staff else [])]
    for owner in owners:
        for provider in queries.list_providers(owner):
            if provider.id == provider_id:
                return provider
    raise NotFoundError("There is no such provider here.")
