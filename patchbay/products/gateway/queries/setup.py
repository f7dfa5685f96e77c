"""Providers, models and rules as they are set up. Viewers see models by name alone (`queries.models`)."""

from collections.abc import Iterable
from typing import cast

from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet

from patchbay.lib.errors import NotFoundError
from patchbay.lib.paging import DEFAULT_LIMIT, Page, page_of
from patchbay.products.gateway.contracts import Balancing, CutPolicy, ModelAlias
from patchbay.products.gateway.models import ModelAlias as AliasRow
from patchbay.products.gateway.models import ModelTarget as TargetRow
from patchbay.products.gateway.models import OrganisationRules
from patchbay.products.gateway.models import Provider as ProviderRow
from patchbay.products.gateway.models import ProviderKey as KeyRow
from patchbay.products.gateway.queries.catalogue import SETTINGS_PROVIDER, built_in
from patchbay.products.gateway.queries.shapes import AliasView, KeyView, ProviderView, RulesView, TargetView

_TARGETS = Prefetch("targets", TargetRow.objects.select_related("provider").order_by("order", "id"))
_KEYS = Prefetch("keys", KeyRow.objects.order_by("id"))


def list_providers(organisation_id: str | None) -> list[ProviderView]:
    """Return the providers of an organisation, or the platform's (None), by name; with those, the settings' own."""
    rows = [shown_provider(row) for row in _providers(organisation_id).order_by("name")]
    return rows if organisation_id else [*_settings_provider(), *rows]


def page_providers(
    organisation_id: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[ProviderView]:
    """Return one page of an organisation's providers, newest first."""
    page = page_of(_providers(organisation_id), limit=limit, cursor=cursor)
    return Page([shown_provider(row) for row in page.data], page.next_cursor)


def get_provider(organisation_id: str | None, name_or_id: str) -> ProviderView:
    """Return one of an owner's providers; NotFoundError, which names those there are."""
    return shown_provider(get_provider_row(organisation_id, name_or_id))


def get_provider_row(organisation_id: str | None, name_or_id: str) -> ProviderRow:
    """Return the row of one of an owner's providers; NotFoundError, which names those there are."""
    rows = _providers(organisation_id)
    row = rows.filter(Q(pk=name_or_id) | Q(name=name_or_id)).first()
    if row is None:
        names = ", ".join(rows.order_by("name").values_list("name", flat=True)[:20])
        there = f"There are: {names}." if names else "There is none yet."
        raise NotFoundError(
            f"There is no provider {name_or_id[:60]!r}. {there}", next_step="Name one, or add it first."
        )
    return row


def list_aliases(organisation_id: str | None) -> list[AliasView]:
    """Return the aliases of an organisation, or the platform's (None), by name; with those, the built-in ones."""
    rows = [shown_alias(row) for row in _aliases(organisation_id).order_by("name")]
    if organisation_id:
        return rows
    taken = {alias.name for alias in rows}
    given = [_built_in_alias(alias) for name, alias in built_in().items() if alias and name not in taken]
    return [*given, *rows]


def page_aliases(organisation_id: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page[AliasView]:
    """Return one page of an organisation's own aliases, newest first."""
    page = page_of(_aliases(organisation_id), limit=limit, cursor=cursor)
    return Page([shown_alias(row) for row in page.data], page.next_cursor)


def get_alias(organisation_id: str | None, name_or_id: str) -> AliasView:
    """Return one of an owner's aliases; NotFoundError when there is none of this name or id."""
    return shown_alias(get_alias_row(organisation_id, name_or_id))


def get_alias_row(organisation_id: str | None, name_or_id: str) -> AliasRow:
    """Return the row of one of an owner's aliases; NotFoundError when there is none of this name or id."""
    row = _aliases(organisation_id).filter(Q(pk=name_or_id) | Q(name=name_or_id)).first()
    if row is None:
        raise NotFoundError(f"There is no model {name_or_id[:120]!r} here.")
    return row


def get_rules(organisation_id: str) -> RulesView:
    """Return what an organisation allows itself; the defaults when it never said."""
    row = OrganisationRules.objects.filter(pk=organisation_id).first()
    if row is None:
        return RulesView(organisation_id)
    return RulesView(
        organisation_id,
        None if row.allowed_models is None else tuple(row.allowed_models),
        cast(CutPolicy, str(row.cut_policy)),
        row.log_bodies,
        row.body_days,
    )


def shown_provider(row: ProviderRow) -> ProviderView:
    """Return a row as it may be shown."""
    return ProviderView(
        id=row.pk,
        organisation_id=row.organisation_id,
        name=row.name,
        kind=row.kind,
        base_url=row.base_url,
        max_concurrent=row.max_concurrent,
        requests_per_minute=row.requests_per_minute,
        queue_length=row.queue_length,
        queue_seconds=row.queue_seconds,
        private_allowed=row.private_allowed,
        enabled=row.enabled,
        created_at=row.created_at,
        keys=tuple(shown_key(key) for key in row.keys.all()),
    )


def shown_key(row: KeyRow) -> KeyView:
    """Return a credential as it may be shown: never itself."""
    return KeyView(row.pk, row.hint, row.weight, row.enabled, row.created_at)


def shown_alias(row: AliasRow) -> AliasView:
    """Return a row as it may be shown."""
    return AliasView(
        id=row.pk,
        organisation_id=row.organisation_id,
        name=row.name,
        balancing=cast(Balancing, str(row.balancing)),
        cache_seconds=row.cache_seconds,
        enabled=row.enabled,
        created_at=row.created_at,
        targets=_shown_targets(row.targets.all()),
    )


def _shown_targets(rows: Iterable[TargetRow]) -> tuple[TargetView, ...]:
    return tuple(
        TargetView(
            id=row.pk,
            provider_id=row.provider_id,
            provider=row.provider.name,
            provider_enabled=row.provider.enabled,
            model=row.model,
            order=row.order,
            weight=row.weight,
            max_prompt_tokens=row.max_prompt_tokens,
            tools=row.tools,
            context_tokens=row.context_tokens,
            max_output_tokens=row.max_output_tokens,
        )
        for row in rows
    )


def _built_in_alias(alias: ModelAlias) -> AliasView:
    targets = tuple(
        TargetView(
            id=target.id,
            provider_id=target.provider.id,
            provider=target.provider.name,
            provider_enabled=True,
            model=target.model,
            order=target.order,
            weight=target.weight,
            max_prompt_tokens=target.max_prompt_tokens,
            tools=target.tools,
            context_tokens=target.context_tokens,
            max_output_tokens=target.max_output_tokens,
        )
        for target in alias.targets
    )
    return AliasView(alias.name, None, alias.name, alias.balancing, 0, True, None, targets, from_settings=True)


def _settings_provider() -> list[ProviderView]:
    """The provider that the environment makes; its key is not shown, not even how it ends."""
    alias = built_in().get(settings.MODEL) if settings.MODEL else None
    if alias is None or alias.targets[0].provider.id != SETTINGS_PROVIDER:
        return []
    made = alias.targets[0].provider
    return [
        ProviderView(
            id=made.id,
            organisation_id=None,
            name=made.name,
            kind=made.kind,
            base_url=made.base_url,
            max_concurrent=None,
            requests_per_minute=None,
            queue_length=made.queue_length,
            queue_seconds=made.queue_seconds,
            private_allowed=True,
            enabled=True,
            created_at=None,
            from_settings=True,
        )
    ]


def _providers(organisation_id: str | None) -> QuerySet[ProviderRow]:
    return ProviderRow.objects.filter(organisation_id=organisation_id).prefetch_related(_KEYS)


def _aliases(organisation_id: str | None) -> QuerySet[AliasRow]:
    return AliasRow.objects.filter(organisation_id=organisation_id).prefetch_related(_TARGETS)
