"""Model aliases with their targets. The platform's are changed by staff, an organisation's own by its owners.

An alias leads to providers of its own owner alone: an organisation cannot spend the platform's credentials under a
name, and so at a price, of its own.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction

from patchbay.lib.actor import Actor
from patchbay.lib.errors import ConflictError, FieldError, InvalidError, NotFoundError
from patchbay.products.gateway.cache import changed
from patchbay.products.gateway.checks import WantedAlias, WantedTarget, require_may_change
from patchbay.products.gateway.models import ModelAlias, ModelTarget, Provider
from patchbay.products.gateway.queries import setup
from patchbay.products.gateway.queries.shapes import AliasView, TargetView
from patchbay.products.gateway.services import trail

MAX_ALIASES = 1_000
_OWN = ("name", "balancing", "cache_seconds", "enabled")


@transaction.atomic
def create_alias(
    *,
    actor: Actor,
    organisation_id: str | None,
    name: str,
    targets: Sequence[WantedTarget],
    balancing: str = "weighted",
    cache_seconds: int = 0,
    enabled: bool = True,
) -> AliasView:
    """Add a model to an organisation, or to the platform (None), with all its targets.

    ForbiddenError for who may not; InvalidError names the fields; ConflictError when the name is taken.
    """
    require_may_change(actor, organisation_id)
    wanted = WantedAlias(name.strip(), tuple(targets), balancing, cache_seconds, enabled).checked()
    providers = _resolve(organisation_id, wanted.targets)
    if ModelAlias.objects.filter(organisation_id=organisation_id).count() >= MAX_ALIASES:
        raise ConflictError(f"There are {MAX_ALIASES:,} models already.", next_step="Remove one first.")
    row = _saved(ModelAlias(organisation_id=organisation_id, **_own_terms(wanted)))
    _put_targets(row, wanted.targets, providers)
    _record(actor, row, "model.created", _own_terms(wanted) | {"targets": _named(wanted.targets, providers)})
    changed(organisation_id)
    return setup.get_alias(organisation_id, row.pk)


@transaction.atomic
def update_alias(
    *,
    actor: Actor,
    organisation_id: str | None,
    alias: str,
    targets: Sequence[WantedTarget] | None = None,
    **terms: Any,
) -> AliasView:
    """Change an alias (its name or id) in one step: given `targets` take the place of all those it had.

    `terms` are those that `create_alias` takes; what is not given stays. Errors as there.
    """
    if unknown := set(terms) - set(_OWN):
        raise TypeError(f"A model has no such terms to change: {', '.join(sorted(unknown))}")
    row = _locked(actor, organisation_id, alias)
    before = {name: getattr(row, name) for name in _OWN}
    had = setup.shown_alias(row).targets
    kept = tuple(to_wanted(target) for target in had)
    wanted = WantedAlias(**before | terms, targets=kept if targets is None else tuple(targets)).checked()
    providers = _resolve(organisation_id, wanted.targets)
    changes = trail.differences(before, _own_terms(wanted))
    for name, value in _own_terms(wanted).items():
        setattr(row, name, value)
    if changes:
        _saved(row)
    if _put_targets(row, wanted.targets, providers):
        changes["targets"] = [[_line(target, target.provider) for target in had], _named(wanted.targets, providers)]
    if changes:
        _record(actor, row, "model.changed", changes)
        changed(organisation_id)
    return setup.get_alias(organisation_id, row.pk)


@transaction.atomic
def put_target(*, actor: Actor, organisation_id: str | None, alias: str, target: WantedTarget) -> AliasView:
    """Add a target to an alias, which is made when it is missing; a target that it has takes the new terms."""
    require_may_change(actor, organisation_id)
    row = ModelAlias.objects.select_for_update().filter(organisation_id=organisation_id, name=alias).first()
    if row is None:
        return create_alias(actor=actor, organisation_id=organisation_id, name=alias, targets=[target])
    (provider,) = _resolve(organisation_id, [target])
    had = setup.get_alias(organisation_id, row.pk).targets
    others = [old for old in had if (old.provider_id, old.model) != (provider.pk, target.model)]
    targets = [*map(to_wanted, others), target]
    return update_alias(actor=actor, organisation_id=organisation_id, alias=row.pk, targets=targets)


@transaction.atomic
def delete_alias(*, actor: Actor, organisation_id: str | None, alias: str) -> None:
    """Remove an alias; its requests are refused at once. NotFoundError when there is none."""
    row = _locked(actor, organisation_id, alias)
    _record(actor, row, "model.deleted", {})
    row.delete()
    changed(organisation_id)


def to_wanted(target: TargetView) -> WantedTarget:
    """Return a target as it is, to be asked for again among others."""
    return WantedTarget(provider=target.provider_id, **_target_terms(target))


def _resolve(organisation_id: str | None, targets: Sequence[WantedTarget]) -> list[Provider]:
    """Return the provider of each target; InvalidError names the targets that name none, or are there twice."""
    providers, faults = [], []
    seen = set()
    for number, target in enumerate(targets):
        try:
            provider = setup.get_provider_row(organisation_id, target.provider)
        except NotFoundError as error:
            faults.append(FieldError(f"targets.{number}.provider", error.message))
            continue
        if (provider.pk, target.model) in seen:
            faults.append(FieldError(f"targets.{number}", f"{provider.name}/{target.model} is there twice."))
        seen.add((provider.pk, target.model))
        providers.append(provider)
    if faults:
        raise InvalidError(faults[0].message, fields=tuple(faults))
    return providers


def _put_targets(row: ModelAlias, targets: Sequence[WantedTarget], providers: Sequence[Provider]) -> bool:
    """Make the targets these and no others, keeping rows that stay (the router knows them by id); tell if any moved."""
    had = {(target.provider_id, target.model): target for target in ModelTarget.objects.filter(alias=row)}
    moved = False
    for wanted, provider in zip(targets, providers, strict=True):
        terms = _target_terms(wanted)
        target = had.pop((provider.pk, wanted.model), None) or ModelTarget(alias=row, provider=provider)
        if target._state.adding or any(getattr(target, name) != value for name, value in terms.items()):
            for name, value in terms.items():
                setattr(target, name, value)
            target.save()
            moved = True
    for target in had.values():
        target.delete()
        moved = True
    return moved


def _target_terms(target: Any) -> dict[str, Any]:
    """Return the terms of a wanted or shown target, but for its provider."""
    return {name: getattr(target, name) for name in WantedTarget.__slots__ if name != "provider"}


def _own_terms(wanted: WantedAlias) -> dict[str, Any]:
    terms = asdict(wanted)
    return {name: terms[name] for name in _OWN}


def _named(targets: Sequence[WantedTarget], providers: Sequence[Provider]) -> list[str]:
    return [_line(target, provider.name) for target, provider in zip(targets, providers, strict=True)]


def _line(target: Any, provider: str) -> str:
    return f"{provider}/{target.model} order {target.order} weight {target.weight}"


def _locked(actor: Actor, organisation_id: str | None, name_or_id: str) -> ModelAlias:
    """Return the row to change, locked, once the actor may."""
    require_may_change(actor, organisation_id)
    found = setup.get_alias_row(organisation_id, name_or_id)
    return ModelAlias.objects.select_for_update().get(pk=found.pk)


def _saved(row: ModelAlias) -> ModelAlias:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise ConflictError(f"There is a model {row.name} already.", next_step="Choose another name.") from None
    return row


def _record(actor: Actor, row: ModelAlias, action: str, changes: dict[str, Any]) -> None:
    target = ("model", row.pk, row.name)
    trail.record(actor, action, organisation_id=row.organisation_id, target=target, changes=changes)
