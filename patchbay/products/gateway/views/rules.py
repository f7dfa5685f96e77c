"""The rules page: what an organisation allows itself at the gateway."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from patchbay.kernel.usage import queries as usage
from patchbay.lib.errors import AppError, FieldError
from patchbay.lib.pages import PageRequest, add_faults, signed_in
from patchbay.products.gateway import queries, services
from patchbay.products.gateway.forms.rules import RulesForm, shown_rules
from patchbay.products.gateway.views.frame import page


@require_http_methods(["GET", "POST"])
@signed_in
def rules(request: PageRequest) -> HttpResponse:
    """Editors read, owners change."""
    request.actor.require("editor" if request.method == "GET" else "owner")
    organisation_id = request.actor.organisation_id
    names = [model.name for model in queries.list_models(organisation_id)]
    found = queries.get_rules(organisation_id)
    form = RulesForm(request.POST or None, initial=shown_rules(found, names), models=names)
    if form.is_valid():
        try:
            services.set_rules(actor=request.actor, **form.rules())
        except AppError as error:
            add_faults(form, _at_others(error))
        else:
            messages.success(request, "The rules hold from now on, in every process.")
            return redirect("gateway:rules")
    context = {"form": form, "rules": found, "budget": usage.find_organisation_budget(organisation_id)}
    return page(request, "rules/page", "rules", context, status=422 if form.errors else 200)


def _at_others(error: AppError) -> AppError:
    """Say what is wrong with a name where names are typed."""
    fields = tuple(
        FieldError("others" if fault.field == "allowed_models" else fault.field, fault.message)
        for fault in error.fields
    )
    return type(error)(error.message, next_step=error.next_step, fields=fields)
