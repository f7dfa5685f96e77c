"""The one entitlement check, and changes of plans and prices, which every process sees once they are committed."""

from collections.abc import Mapping
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from patchbay.kernel.plans import catalogue, queries
from patchbay.kernel.plans.contracts import ITEMS, PART_OF, PlanTerms, Rate
from patchbay.kernel.plans.errors import PlanLimitError
from patchbay.kernel.plans.models import Plan, PlanAssignment, PriceRate
from patchbay.lib.errors import FieldError, InvalidError, NotFoundError
from patchbay.lib.money import MAX_CREDITS, MICRO
from patchbay.lib.shared.cache import changed


def require(organisation_id: str, entitlement: str, *, used: int = 0) -> None:
    """Pass if the plan allows one more of a limit of which `used` exist, or includes a feature.

    Raises PlanLimitError, which names the limit, the plan and the upgrade page. The caller counts, inside the
    transaction that adds.
    """
    plan = queries.get_plan(organisation_id)
    if entitlement in catalogue.FEATURES:
        if entitlement not in plan.features:
            raise _refusal(plan, entitlement, f"{_spoken(entitlement)} is not part of the {plan.name} plan.")
        return
    limit = plan.requests_per_minute if entitlement == "requests_per_minute" else plan.limits[entitlement]
    if limit is not None and used >= limit:
        message = f"The {plan.name} plan includes {limit} {_spoken(entitlement, plural=limit != 1)}; you have {used}."
        raise _refusal(plan, entitlement, message, limit=limit)


def _refusal(plan: PlanTerms, entitlement: str, message: str, **extra: int) -> PlanLimitError:
    return PlanLimitError(
        message,
        next_step="Ask whoever runs this Patchbay for a larger plan.",
        extra={"entitlement": entitlement, "plan": plan.code, **extra},
    )


_SPOKEN = {"api_keys": "API keys", "sso": "Single sign-on", "requests_per_minute": "requests per minute"}


def _spoken(entitlement: str, *, plural: bool = True) -> str:
    if entitlement in catalogue.FEATURES:
        return _SPOKEN.get(entitlement, entitlement.replace("_", " ").capitalize())
    words = _SPOKEN.get(entitlement, entitlement.replace("_", " "))
    return words if plural else words.removesuffix("s")


@transaction.atomic
def assign_plan(*, organisation_id: str, plan_code: str, at: datetime | None = None) -> None:
    """Put an organisation on a plan. Its months are counted from `at`; a later change keeps the anchor unless given.

    Limits, features and rates hold at once, in every process. Credits do not move: the month under way keeps the
    allowance that it began with, larger plan or smaller, and the new plan's is granted when the next month begins.
    Who should have more before that is given a grant of its own (`ledger.services.grant`).

    Raises NotFoundError for an unknown plan.
    """
    if not Plan.objects.filter(code=plan_code).exists():
        raise NotFoundError(f"There is no plan {plan_code!r}.")
    row, created = PlanAssignment.objects.get_or_create(
        organisation_id=organisation_id, defaults={"plan_id": plan_code, "anchor": at or timezone.now()}
    )
    if not created:
        row.plan_id = plan_code
        row.anchor = at or row.anchor
        row.save()
    changed(organisation_id)


@transaction.atomic
def change_plan(*, plan_code: str, **terms: object) -> None:
    """Change terms of a plan, by the names of the model's fields; holds for everyone on it from now on.

    Raises NotFoundError for an unknown plan and InvalidError, which names the fields, for terms that make no sense.
    """
    plan = Plan.objects.select_for_update().filter(code=plan_code).first()
    if plan is None:
        raise NotFoundError(f"There is no plan {plan_code!r}.")
    known = {field.name for field in Plan._meta.fields} - {"code"}
    if unknown := set(terms) - known:
        raise InvalidError(
            "A plan has no such terms.", fields=tuple(FieldError(name, "Unknown.") for name in sorted(unknown))
        )
    for name, value in terms.items():
        setattr(plan, name, value)
    try:
        plan.full_clean(validate_unique=False)
    except ValidationError as error:
        faults = tuple(FieldError(name, " ".join(texts)) for name, texts in error.message_dict.items())
        raise InvalidError("These terms are not possible.", fields=faults) from error
    plan.save()
    changed(queries.PLANS)


@transaction.atomic
def set_rates(
    *, rates: Mapping[str, Rate | None], model: str | None = None, effective_from: datetime | None = None
) -> None:
    """Set prices of items from a date on (default: now), for everyone or for one model.

    None ends a model's own price, and a part of tokens (`contracts.PART_OF`) then costs its share of its whole again.

    Raises InvalidError for an unknown item, a price above MAX_CREDITS or a date in the past: what was charged stays
    explained by its list.
    """
    now = timezone.now()
    start = effective_from or now
    faults = [FieldError(f"rates.{item}", f"Choose from: {', '.join(ITEMS)}.") for item in rates if item not in ITEMS]
    faults += [
        FieldError(f"rates.{item}", "The general price cannot be taken away, only replaced.")
        for item, rate in rates.items()
        if rate is None and not model and item not in PART_OF
    ]
    faults += [
        FieldError(f"rates.{item}", f"Use at most {MAX_CREDITS:,} credits.")
        for item, rate in rates.items()
        if rate is not None and rate.amount_micro > MAX_CREDITS * MICRO
    ]
    if start < now:
        faults.append(FieldError("effective_from", "A price cannot change in the past."))
    if faults:
        raise InvalidError("These prices are not possible.", fields=tuple(faults))
    for item, rate in rates.items():
        PriceRate.objects.update_or_create(
            effective_from=start,
            model=model or "",
            item=item,
            defaults={"amount_micro": rate.amount_micro if rate else None, "per": rate.per if rate else 1},
        )
    changed(queries.PRICES)


@transaction.atomic
def load_catalogue() -> None:
    """Fill an empty database with the plans and first prices; rows that exist, and may have been changed, stay."""
    Plan.objects.bulk_create([Plan(**terms) for terms in catalogue.PLANS], ignore_conflicts=True)
    PriceRate.objects.bulk_create(
        [
            PriceRate(effective_from=catalogue.FIRST_PRICES_FROM, model=model, item=item, amount_micro=amount, per=per)
            for model, rates in (("", catalogue.RATES), (catalogue.OWN_KEY_MODEL, catalogue.OWN_KEY_RATES))
            for item, (amount, per) in rates.items()
        ],
        ignore_conflicts=True,
    )
    changed()
