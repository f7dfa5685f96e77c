"""The catalogue that routing works from: what of the set-up is switched on, with the keys decrypted."""

from collections.abc import Mapping

import structlog
from django.conf import settings
from django.db.models import Prefetch

from patchbay.lib import crypto
from patchbay.products.gateway.cache import CatalogueCache, Layered, Platform
from patchbay.products.gateway.contracts import (
    OFFLINE_MODEL,
    Catalogue,
    ModelAlias,
    ModelTarget,
    ProviderConfig,
    ProviderKey,
)
from patchbay.products.gateway.models import ModelAlias as AliasRow
from patchbay.products.gateway.models import ModelTarget as TargetRow
from patchbay.products.gateway.models import OrganisationRules
from patchbay.products.gateway.models import Provider as ProviderRow

SETTINGS_PROVIDER = "default"
"""The provider that the settings make (`PATCHBAY_OPENAI_BASE_URL`); no row may have its name on the platform."""

log = structlog.get_logger(__name__)


def get_catalogue(organisation_id: str) -> Catalogue:
    """Return an organisation's models and rules, from memory unless something changed since. May read the database."""
    return _cache.get(organisation_id)


def find_cached_catalogue(organisation_id: str) -> Catalogue | None:
    """Return it if this process has it in memory: for the event loop, which must not block."""
    return _cache.find(organisation_id)


def built_in() -> dict[str, ModelAlias | None]:
    """Return the aliases that no row makes: the offline model's, and the one of the settings (`PATCHBAY_MODEL`)."""
    offline = ProviderConfig(id="offline", name="offline", kind="offline", base_url="")
    aliases: dict[str, ModelAlias | None] = {OFFLINE_MODEL: _single(OFFLINE_MODEL, offline)}
    if settings.MODEL:
        key = settings.OPENAI_API_KEY
        default = ProviderConfig(
            id=SETTINGS_PROVIDER,
            name=SETTINGS_PROVIDER,
            kind="openai",
            base_url=settings.OPENAI_BASE_URL,
            keys=(ProviderKey(SETTINGS_PROVIDER, key),) if key else (),
            private_allowed=True,  # the operator's environment names it
        )
        aliases[settings.MODEL] = _single(settings.MODEL, default)
    return aliases


def config_of(row: ProviderRow) -> ProviderConfig:
    """Return a provider with the keys that are switched on; one that cannot be decrypted is left out, and logged."""
    keys = []
    for key in sorted(row.keys.all(), key=lambda key: key.pk):
        if not key.enabled:
            continue
        try:
            keys.append(ProviderKey(key.pk, crypto.decrypt(key.encrypted).decode(), key.weight))
        except crypto.UnreadableError:
            log.error("provider key cannot be decrypted", provider=row.name, key_id=key.pk)
    return ProviderConfig(
        id=row.pk,
        name=row.name,
        kind=row.kind,
        base_url=row.base_url,
        keys=tuple(keys),
        organisation_id=row.organisation_id,
        max_concurrent=row.max_concurrent,
        requests_per_minute=row.requests_per_minute,
        queue_length=row.queue_length,
        queue_seconds=row.queue_seconds,
        private_allowed=row.private_allowed,
    )


def _load_platform() -> Platform:
    own = AliasRow.objects.order_by().values_list("organisation_id", flat=True).distinct()
    ruled = OrganisationRules.objects.values_list("organisation_id", flat=True)
    aliases = built_in() | _load_aliases(None)
    offered = {name: alias for name, alias in aliases.items() if alias is not None}
    return Platform(offered, frozenset(filter(None, own)) | frozenset(ruled))


def _load_own(organisation_id: str, platform: Platform) -> Catalogue:
    own = _load_aliases(organisation_id)
    aliases: Mapping[str, ModelAlias] = Layered(own, platform.aliases) if own else platform.aliases
    rules = OrganisationRules.objects.filter(pk=organisation_id).first()
    if rules is None:
        return Catalogue(organisation_id, aliases)
    return Catalogue(
        organisation_id,
        aliases,
        allowed_models=None if rules.allowed_models is None else frozenset(rules.allowed_models),
        cut_policy="cancel" if rules.cut_policy == OrganisationRules.CutPolicy.CANCEL else "read_on",
        log_bodies=rules.log_bodies,
        body_days=rules.body_days,
    )


def _load_aliases(organisation_id: str | None) -> dict[str, ModelAlias | None]:
    """Return the aliases of one owner by name; None for one that is off or whose providers all are."""
    targets = Prefetch("targets", TargetRow.objects.select_related("provider").order_by("order", "id"))
    rows = AliasRow.objects.filter(organisation_id=organisation_id).order_by("name")
    providers: dict[str, ProviderConfig] = {}
    return {row.name: _alias(row, providers) for row in rows.prefetch_related(targets, "targets__provider__keys")}


def _alias(row: AliasRow, providers: dict[str, ProviderConfig]) -> ModelAlias | None:
    targets = []
    for target in row.targets.all():
        if not target.provider.enabled:
            continue
        if target.provider_id not in providers:  # decrypting takes a while: once for each provider
            providers[target.provider_id] = config_of(target.provider)
        targets.append(_target(target, providers[target.provider_id]))
    if not row.enabled or not targets:
        return None
    return ModelAlias(
        name=row.name,
        targets=tuple(targets),
        organisation_id=row.organisation_id,
        balancing="least_busy" if row.balancing == AliasRow.Balancing.LEAST_BUSY else "weighted",
        cache_seconds=row.cache_seconds,
        created=int(row.created_at.timestamp()),
    )


def _target(row: TargetRow, provider: ProviderConfig) -> ModelTarget:
    return ModelTarget(
        id=row.pk,
        provider=provider,
        model=row.model,
        order=row.order,
        weight=row.weight,
        max_prompt_tokens=row.max_prompt_tokens,
        tools=row.tools,
        context_tokens=row.context_tokens,
        max_output_tokens=row.max_output_tokens,
    )


def _single(name: str, provider: ProviderConfig) -> ModelAlias:
    return ModelAlias(name, (ModelTarget(f"{provider.id}/{name}", provider, name),))


_cache = CatalogueCache(_load_platform, _load_own)
