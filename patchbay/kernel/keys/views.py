"""The API keys page: the list, a new or rotated key shown once, limits, revoking by confirmation."""

from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from patchbay.kernel.keys import queries, scopes, services
from patchbay.kernel.keys.contracts import Key, PlugScope
from patchbay.kernel.keys.forms import KeyForm, LimitsForm, RotateForm
from patchbay.kernel.plans import queries as plans
from patchbay.lib.errors import AppError, ConflictError
from patchbay.lib.money import plain
from patchbay.lib.pages import PageRequest, add_faults, signed_in


@dataclass(frozen=True, slots=True)
class Row:
    """A key with the plug it is scoped to; `scope` is None for the whole organisation or a plug that is gone."""

    key: Key
    scope: PlugScope | None


@require_GET
@signed_in
def list_keys(request: PageRequest) -> HttpResponse:
    return _page(request, KeyForm(scopes=scopes.list_scopes(request.actor.organisation_id)))


@require_POST
@never_cache
@signed_in
def create_key(request: PageRequest) -> HttpResponse:
    """Answer with the new key itself, not a redirect: the secret is in this one answer and kept nowhere."""
    form = KeyForm(request.POST, scopes=scopes.list_scopes(request.actor.organisation_id))
    if form.is_valid():
        try:
            created = services.create_key(actor=request.actor, **form.terms())
        except AppError as error:
            add_faults(form, error)
            return _page(request, form, status=error.status)
        return render(request, "keys/created.html", {"created": created})
    return _page(request, form, status=422)


@require_http_methods(["GET", "POST"])
@signed_in
def change_key(request: PageRequest, key_id: str) -> HttpResponse:
    """A key's name and limits."""
    request.actor.require("editor")
    key = queries.get_key(request.actor.organisation_id, key_id)
    cap = plain(key.budget.cap_micro) if key.budget else None
    shown = {"name": key.name, "requests_per_minute": key.requests_per_minute, "monthly_cap": cap}
    form = LimitsForm(request.POST or None, initial=shown)
    if form.is_valid():
        try:
            services.update_key(actor=request.actor, key_id=key_id, **cast(services.KeyChanges, form.limits()))
        except AppError as error:
            add_faults(form, error)
        else:
            messages.success(request, f"{form.cleaned_data['name']} is changed.")
            return redirect("keys:list")
    return render(request, "keys/change.html", {"key": key, "form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@never_cache
@signed_in
def rotate_key(request: PageRequest, key_id: str) -> HttpResponse:
    """GET asks for how long both secrets are good; POST answers with the new one, which is kept nowhere."""
    request.actor.require("editor")
    key = queries.get_key(request.actor.organisation_id, key_id)
    form = RotateForm(request.POST or None, initial={"seen_prefix": key.prefix})
    status = 422 if form.errors else 200
    if form.is_valid():
        overlap, seen = int(form.cleaned_data["overlap"]), form.cleaned_data["seen_prefix"]
        try:
            created = services.rotate_key(actor=request.actor, key_id=key_id, overlap_seconds=overlap, seen_prefix=seen)
        except ConflictError as error:
            add_faults(form, error)
            status = error.status
        else:
            return render(request, "keys/created.html", {"created": created})
    return render(request, "keys/rotate.html", {"key": key, "form": form}, status=status)


@require_http_methods(["GET", "POST"])
@signed_in
def revoke_key(request: PageRequest, key_id: str) -> HttpResponse:
    """GET asks, POST does."""
    request.actor.require("editor")
    key = queries.get_key(request.actor.organisation_id, key_id)
    if request.method == "GET":
        return render(request, "keys/revoke.html", {"key": key})
    services.revoke_key(actor=request.actor, key_id=key_id)
    messages.success(request, f"{key.name} is revoked everywhere.")
    return redirect("keys:list")


def _page(request: PageRequest, form: KeyForm, *, status: int = 200) -> HttpResponse:
    organisation_id = request.actor.organisation_id
    named = {scope.id: scope for scope in scopes.list_scopes(organisation_id)}
    found = queries.page_keys(organisation_id, cursor=request.GET.get("cursor") or None)
    context = {
        "page": found,
        "rows": [Row(key, named.get(key.plug_id) if key.plug_id else None) for key in found.data],
        "active": queries.count_active(organisation_id),
        "plan": (plan := plans.get_plan(organisation_id)),
        "limit": plan.limits["api_keys"],
        "form": form,
        "may_manage": request.actor.role != "viewer",
    }
    return render(request, "keys/list.html", context, status=status)
