"""The audit pages, for owners."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from patchbay.kernel.audit import queries
from patchbay.kernel.audit.forms import FilterForm
from patchbay.lib.pages import PageRequest, signed_in


@require_GET
@signed_in
def list_events(request: PageRequest) -> HttpResponse:
    """The log, newest first; filters and page stand in the address."""
    request.actor.require("owner")
    form = FilterForm(request.GET)
    filters = {name: value for name, value in form.cleaned_data.items() if value} if form.is_valid() else {}
    page = queries.list_events(request.actor.organisation_id, **filters, cursor=request.GET.get("cursor") or None)
    older = request.GET.copy()
    older["cursor"] = page.next_cursor or ""
    context = {"page": page, "form": form, "filters": filters, "older": older.urlencode() if page.next_cursor else None}
    return render(request, "audit/list.html", context)


@require_GET
@signed_in
def show_event(request: PageRequest, event_id: str) -> HttpResponse:
    request.actor.require("owner")
    event = queries.get_event(request.actor.organisation_id, event_id)
    return render(request, "audit/event.html", {"event": event})


@require_POST
@signed_in
def verify(request: PageRequest) -> HttpResponse:
    """Recompute the chain; asked for by a button, because it reads the whole log."""
    request.actor.require("owner")
    check = queries.verify_chain(request.actor.organisation_id)
    return render(request, "audit/check.html", {"check": check})
