"""What an organisation allows itself at the gateway."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from patchbay.lib.actor import Actor
from patchbay.lib.errors import FieldError, InvalidError
from patchbay.products.gateway.cache import changed
from patchbay.products.gateway.checks import check_allowed_models
from patchbay.products.gateway.models import OrganisationRules
from patchbay.products.gateway.queries import setup
from patchbay.products.gateway.queries.shapes import RulesView
from patchbay.products.gateway.services import trail

MAX_BODY_DAYS = 90
_RULES = ("allowed_models", "cut_policy", "log_bodies", "body_days")


@transaction.atomic
def set_rules(*, actor: Actor, **rules: Any) -> RulesView:
    """Change rules of the actor's organisation: `allowed_models` (names, or None for all), `cut_policy`,
    `log_bodies`, `body_days`; what is not given stays. Owners only.

    InvalidError names the fields; TypeError for a rule that there is none of.
    """
    if unknown := set(rules) - set(_RULES):
        raise TypeError(f"There are no such rules: {', '.join(sorted(unknown))}")
    actor.require("owner")
    shown = setup.get_rules(actor.organisation_id)
    before = {name: getattr(shown, name) for name in _RULES}
    before["allowed_models"] = _listed(shown.allowed_models)
    after = before | rules
    after["allowed_models"] = check_allowed_models(after["allowed_models"])
    _check(after)
    if changes := trail.differences(before, after):
        OrganisationRules.objects.update_or_create(pk=actor.organisation_id, defaults=after)
        target = ("rules", actor.organisation_id, "Model rules")
        trail.record(actor, "rules.changed", organisation_id=actor.organisation_id, target=target, changes=changes)
        changed(actor.organisation_id)
    return setup.get_rules(actor.organisation_id)


def _check(rules: dict[str, Any]) -> None:
    faults = []
    if rules["cut_policy"] not in OrganisationRules.CutPolicy.values:
        faults.append(FieldError("cut_policy", "Choose from: read_on, cancel."))
    if not 1 <= rules["body_days"] <= MAX_BODY_DAYS:
        faults.append(FieldError("body_days", f"Use a number from 1 to {MAX_BODY_DAYS}."))
    if faults:
        raise InvalidError("Some of the rules are not right.", fields=tuple(faults))


def _listed(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else list(names)
