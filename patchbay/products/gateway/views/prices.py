"""What models cost: staff set the rates of one model by its name, or of all."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from patchbay.kernel.plans import queries as plans
from patchbay.lib.errors import AppError
from patchbay.lib.pages import PageRequest, add_faults, signed_in
from patchbay.products.gateway import queries, services
from patchbay.products.gateway.forms.prices import RatesForm, VendorForm
from patchbay.products.gateway.queries.models import TOKEN_ITEMS, own_rates
from patchbay.products.gateway.views.frame import page


@require_http_methods(["GET", "POST"])
@signed_in
def set_prices(request: PageRequest) -> HttpResponse:
    """`?model=` names a model, or `byok` for all that organisations bring; without it the rates of all models."""
    request.actor.require_staff()
    model = request.GET.get("model") or None
    form = _rates_form(request, model)
    if form.is_valid():
        try:
            services.set_prices(actor=request.actor, model=model, rates=form.rates())
        except AppError as error:
            add_faults(form, error)
        else:
            messages.success(request, f"The prices of {model or 'all models'} hold from now on.")
            return redirect(request.get_full_path())
    return _page(request, model, form, VendorForm(initial={"vendor_model": model}))


@require_POST
@signed_in
def take_vendor_prices(request: PageRequest) -> HttpResponse:
    """Sell the model of `?model=` at its vendor's own price times a margin."""
    request.actor.require_staff()
    model = request.GET.get("model") or ""
    form = VendorForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            price = services.set_vendor_prices(
                actor=request.actor, model=model, **given | {"vendor": given["vendor"] or None}
            )
        except AppError as error:
            add_faults(form, error)
        else:
            steps = " Larger prompts cost more there, which these rates do not show." if price.has_steps else ""
            messages.success(
                request, f"{model} is sold at {given['margin_percent']} % of {price.vendor}’s {price.model}.{steps}"
            )
            return redirect(f"{request.path.removesuffix('/vendor')}?{request.META['QUERY_STRING']}")
    return _page(request, model, RatesForm(rates=own_rates(model), required=False), form)


def _rates_form(request: PageRequest, model: str | None) -> RatesForm:
    general = plans.get_prices().rates
    rates = own_rates(model) if model else {item: general[item] for item in TOKEN_ITEMS}
    return RatesForm(request.POST if request.method == "POST" else None, rates=rates, required=model is None)


def _page(request: PageRequest, model: str | None, form: RatesForm, vendor_form: VendorForm) -> HttpResponse:
    context = {
        "model": model,
        "form": form,
        "vendor_form": vendor_form,
        "priced": [price.model for price in queries.list_prices() if price.model],
    }
    status = 422 if form.errors or vendor_form.errors else 200
    return page(request, "models/prices", "models", context, status=status)
