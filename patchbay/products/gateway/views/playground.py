"""The playground: ask a model from the page. The answer streams over a raw route; what it cost is read from the log."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from patchbay.lib.errors import NotFoundError
from patchbay.lib.pages import PageRequest, signed_in
from patchbay.products.gateway import queries
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.views.frame import page


@require_GET
@signed_in
def playground(request: PageRequest) -> HttpResponse:
    """`?model=` chooses one."""
    names = _models(request.actor.organisation_id)
    chosen = request.GET.get("model", "")
    context = {
        "models": names,
        "chosen": chosen if chosen in names else next(iter(names), ""),
        "base_url": settings.BASE_URL,
    }
    return page(request, "playground/page", "playground", context)


@require_GET
@never_cache
@signed_in
def result(request: PageRequest, request_id: str) -> HttpResponse:
    """What a request used and cost, as a fragment; viewers see their own alone."""
    seen = queries.get_request(request.actor.organisation_id, request_id).request
    reads_log = request.actor.role != "viewer"
    if not reads_log and seen.user_id != request.actor.user_id:
        raise NotFoundError("There is no such request in the log.")
    return render(request, "gateway/playground/result.html", {"seen": seen, "reads_log": reads_log})


def _models(organisation_id: str) -> list[str]:
    """Return the names of the models that may be asked, plugs among them."""
    catalogue = queries.get_catalogue(organisation_id)
    names = {*catalogue.aliases, *registry.list_local_names(organisation_id)}
    allowed = catalogue.allowed_models
    return sorted(name for name in names if allowed is None or name in allowed)
