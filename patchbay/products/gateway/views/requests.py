"""The request log: a list with filters, and one request with its tries, timings, cost lines and bodies."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from patchbay.kernel.accounts import queries as accounts
from patchbay.kernel.keys import queries as keys
from patchbay.lib.errors import AppError
from patchbay.lib.pages import PageRequest, signed_in
from patchbay.products.gateway import queries
from patchbay.products.gateway.forms.requests import OUTCOMES, RequestFilter
from patchbay.products.gateway.queries.requests import RequestView, TryView
from patchbay.products.gateway.views.frame import page


@dataclass(frozen=True, slots=True)
class Bar:
    """One try in time: from where on, and how long, in percent of the whole request."""

    attempt: TryView
    at: str
    long: str


@require_GET
@signed_in
def list_requests(request: PageRequest) -> HttpResponse:
    request.actor.require("editor")
    organisation_id = request.actor.organisation_id
    form = RequestFilter(
        request.GET,
        models=[model.name for model in queries.list_models(organisation_id)],
        providers=_provider_names(organisation_id),
        keys=list(keys.key_names(organisation_id).items()),
    )
    filters = form.chosen()
    found = queries.list_requests(organisation_id, **filters, cursor=request.GET.get("cursor") or None)
    plugs = _plugs(organisation_id)
    rows = [(seen, plugs.get(seen.plug_id, "")) for seen in found.data]
    context = {"page": found, "rows": rows, "form": form, "filters": filters, "outcomes": OUTCOMES}
    return page(request, "requests/list", "requests", context)


@require_GET
@never_cache
@signed_in
def show_request(request: PageRequest, request_id: str) -> HttpResponse:
    """One request; what was said in it is shown where the organisation keeps it."""
    request.actor.require("editor")
    organisation_id = request.actor.organisation_id
    detail = queries.get_request(organisation_id, request_id, with_body=True)
    context = {
        "detail": detail,
        "seen": detail.request,
        "by": _who(organisation_id, detail.request),
        "plug": _plugs(organisation_id).get(detail.request.plug_id, ""),
        "bars": _bars(detail.request),
        "advice": _advice(detail.request.code),
        "rules": queries.get_rules(organisation_id),
    }
    return page(request, "requests/detail", "requests", context)


def _provider_names(organisation_id: str) -> list[str]:
    """Return the names of providers that requests of an organisation can have gone to."""
    aliases = queries.get_catalogue(organisation_id).aliases.values()
    return sorted({target.provider.name for alias in aliases for target in alias.targets})


def _plugs(organisation_id: str) -> dict[str, str]:
    """Return the names of an organisation's plugs: their calls are logged under the model that answered."""
    return {scope.id: scope.name for scope in keys.list_scopes(organisation_id)}


def _who(organisation_id: str, seen: RequestView) -> str:
    if seen.key_id:
        return keys.key_names(organisation_id, [seen.key_id]).get(seen.key_id, "a key that is gone")
    members = accounts.list_members(organisation_id)
    return next((str(each.user.name or each.user) for each in members if each.user_id == seen.user_id), "")


def _bars(seen: RequestView) -> list[Bar]:
    whole = max(seen.latency_ms, sum(attempt.milliseconds for attempt in seen.tries), 1)
    bars, begun = [], 0
    for attempt in seen.tries:
        bars.append(Bar(attempt, f"{100 * begun / whole:.2f}", f"{100 * attempt.milliseconds / whole:.2f}"))
        begun += attempt.milliseconds
    return bars


def _advice(code: str) -> str:
    """Return what to do about an error by its code, as the client was told; empty when there is nothing to say."""
    kinds = [AppError]
    for kind in kinds:  # grows while it is walked
        kinds += kind.__subclasses__()
    return next((kind.advice or "" for kind in kinds if kind.code == code), "")
