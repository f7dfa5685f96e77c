"""The usage page: what is there, which credits go first, and a ledger whose every line can be opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from patchbay.kernel.accounts import queries as accounts
from patchbay.kernel.keys import queries as keys
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.ledger.contracts import EntryView
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.usage import queries, services
from patchbay.kernel.usage.contracts import RecordView
from patchbay.kernel.usage.forms import KINDS, BudgetForm, LedgerFilter
from patchbay.lib.errors import NotFoundError
from patchbay.lib.exports import csv_response
from patchbay.lib.money import plain
from patchbay.lib.pages import PageRequest, signed_in
from patchbay.web.templatetags.patchbay import amount


@dataclass(frozen=True, slots=True)
class Named:
    """A record with the names of what it refers to; empty when it is gone."""

    record: RecordView
    plug: str
    by: str


@dataclass(frozen=True, slots=True)
class Line:
    """A ledger entry; `usage` is what was done for it, None for grants and the like."""

    entry: EntryView
    usage: Named | None


@require_GET
@signed_in
def overview(request: PageRequest) -> HttpResponse:
    return _page(request, None)


@require_POST
@signed_in
def set_budget(request: PageRequest) -> HttpResponse:
    form = BudgetForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    services.set_organisation_budget(actor=request.actor, cap_micro=form.cap_micro())
    messages.success(request, "The monthly budget is set." if form.cap_micro() is not None else "There is no budget.")
    return redirect("credits:overview")


def _page(request: PageRequest, form: BudgetForm | None, *, status: int = 200) -> HttpResponse:
    organisation_id = request.actor.organisation_id
    chosen = LedgerFilter(request.GET).chosen()
    page = ledger.list_entries(organisation_id, **chosen, cursor=request.GET.get("cursor") or None)  # type: ignore[arg-type]
    balance = ledger.get_balance(organisation_id)
    lots = ledger.list_lots(organisation_id)
    budget = queries.find_organisation_budget(organisation_id)
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    context = {
        "balance": balance,
        "total_micro": balance.available_micro + balance.held_micro,
        "lots": lots,
        "lots_micro": sum(lot.balance_micro for lot in lots),
        "burned_micro": queries.total_cost(organisation_id, since=month),
        "month": month,
        "plan": plans.get_plan(organisation_id),
        "page": page,
        "lines": _lines(organisation_id, page.data),
        "kinds": KINDS,
        "chosen": chosen,
        "budget": budget,
        "budget_form": form or BudgetForm(initial={"monthly_cap": budget and plain(budget.cap_micro)}),
        "may_manage": request.actor.role != "viewer",
    }
    return render(request, "usage/overview.html", context, status=status)


@require_GET
@signed_in
def balance(request: PageRequest) -> HttpResponse:
    """What is available now, for the top bar: it asks again when something was spent."""
    return HttpResponse(amount(ledger.get_balance(request.actor.organisation_id).available_micro))


@require_GET
@signed_in
def record(request: PageRequest, request_id: str) -> HttpResponse:
    """One metered act with its cost lines, each a quantity at a price."""
    found = queries.find_record(request.actor.organisation_id, request_id)
    if found is None:
        raise NotFoundError("There is no record of such a request.")
    return render(request, "usage/record.html", {"usage": _name(request.actor.organisation_id, [found])[0]})


@require_GET
@signed_in
def export(request: PageRequest) -> StreamingHttpResponse:
    """The ledger as CSV, by the filters of the page."""
    lines = ledger.iterate_csv(request.actor.organisation_id, **LedgerFilter(request.GET).chosen())  # type: ignore[arg-type]
    return csv_response(lines, "credits.csv")


def _lines(organisation_id: str, entries: Sequence[EntryView]) -> list[Line]:
    records = queries.find_records(organisation_id, {entry.request_id for entry in entries if entry.request_id})
    named = {usage.record.request_id: usage for usage in _name(organisation_id, list(records.values()))}
    return [Line(entry, named.get(entry.request_id)) for entry in entries]


def _name(organisation_id: str, records: Sequence[RecordView]) -> list[Named]:
    if not records:
        return []
    plugs = {scope.id: scope.name for scope in keys.list_scopes(organisation_id)}
    names = keys.key_names(organisation_id, {record.key_id for record in records if record.key_id})
    names |= {member.user_id: str(member.user.name or member.user) for member in accounts.list_members(organisation_id)}
    return [
        Named(record, plugs.get(record.plug_id, ""), names.get(record.key_id or record.user_id, ""))
        for record in records
    ]
