"""Providers and their keys. The platform's are changed by staff, an organisation's own by its owners.

A provider's key goes in and never comes out again: what is returned, logged and audited has its last four characters.
"""

from dataclasses import asdict, fields
from typing import Any

from django.db import IntegrityError, transaction

from patchbay.lib import crypto
from patchbay.lib.actor import Actor
from patchbay.lib.errors import ConflictError, FieldError, InvalidError, NotFoundError
from patchbay.products.gateway.cache import changed
from patchbay.products.gateway.checks import WantedProvider, check_secret, check_weight, origin_of, require_may_change
from patchbay.products.gateway.models import ModelAlias, Provider, ProviderKey
from patchbay.products.gateway.queries import setup
from patchbay.products.gateway.queries.catalogue import SETTINGS_PROVIDER
from patchbay.products.gateway.queries.shapes import KeyView, ProviderView
from patchbay.products.gateway.services import trail

MAX_PROVIDERS = 200
MAX_KEYS = 100
_HINT_LENGTH = 4
_TERMS = tuple(field.name for field in fields(WantedProvider))


@transaction.atomic
def create_provider(
    *,
    actor: Actor,
    organisation_id: str | None,
    name: str,
    kind: str,
    base_url: str = "",
    api_key: str | None = None,
    max_concurrent: int | None = None,
    requests_per_minute: int | None = None,
    queue_length: int = 100,
    queue_seconds: float = 10.0,
    private_allowed: bool = False,
    enabled: bool = True,
) -> ProviderView:
    """Add a provider to an organisation, or to the platform (None); without a `base_url` it is the vendor's own.

    ForbiddenError for who may not, and for a private address that is not staff's; InvalidError names the fields;
    ConflictError when the name is taken.
    """
    require_may_change(actor, organisation_id)
    if private_allowed:
        actor.require_staff()
    wanted = WantedProvider(
        name=name.strip(),
        kind=kind,
        base_url=base_url,
        max_concurrent=max_concurrent,
        requests_per_minute=requests_per_minute,
        queue_length=queue_length,
        queue_seconds=queue_seconds,
        private_allowed=private_allowed,
        enabled=enabled,
    ).cleaned()
    _require_free_name(organisation_id, wanted.name)
    if Provider.objects.filter(organisation_id=organisation_id).count() >= MAX_PROVIDERS:
        raise ConflictError(f"There are {MAX_PROVIDERS} providers already.", next_step="Remove one first.")
    row = _saved(Provider(organisation_id=organisation_id, **asdict(wanted)))
    _record(actor, row, "provider.created", asdict(wanted))
    if api_key is not None:
        _add_key(actor, row, api_key, weight=1)
    changed(organisation_id)
    return setup.get_provider(organisation_id, row.pk)


@transaction.atomic
def update_provider(
    *, actor: Actor, organisation_id: str | None, provider: str, api_key: str | None = None, **terms: Any
) -> ProviderView:
    """Change terms of a provider (its name or id), by the names that `create_provider` takes; others stay.

    Errors as there; TypeError for a term that there is none of. The kind stays as it was made. A base URL on another
    server needs the `api_key` for it, which takes the place of all others: a key goes only where it was given for, so
    that nobody gets hold of one by sending it to a server of their own.
    """
    if unknown := set(terms) - set(_TERMS) | terms.keys() & {"kind"}:
        raise TypeError(f"A provider has no such terms to change: {', '.join(sorted(unknown))}")
    row = _locked(actor, organisation_id, provider)
    before = {name: getattr(row, name) for name in _TERMS}
    wanted = WantedProvider(**before | terms).cleaned()
    after = asdict(wanted)
    if after["private_allowed"] and (not row.private_allowed or after["base_url"] != row.base_url):
        actor.require_staff()
    if wanted.name != row.name:
        _require_free_name(organisation_id, wanted.name)
    if origin_of(wanted.base_url) != origin_of(row.base_url):
        _forget_keys(actor, row, api_key)
    if changes := trail.differences(before, after):
        for name, value in after.items():
            setattr(row, name, value)
        _saved(row)
        _record(actor, row, "provider.changed", changes)
    if api_key is not None:
        _add_key(actor, row, api_key, weight=1)
    changed(organisation_id)
    return setup.get_provider(organisation_id, row.pk)


@transaction.atomic
def delete_provider(*, actor: Actor, organisation_id: str | None, provider: str) -> None:
    """Remove a provider with its keys. ConflictError, which names them, while models lead to it."""
    row = _locked(actor, organisation_id, provider)
    names = ModelAlias.objects.filter(targets__provider=row).order_by("name").distinct().values_list("name", flat=True)
    if names:
        raise ConflictError(
            f"The models {', '.join(names[:20])} lead to {row.name}.",
            next_step="Remove those targets first, or switch the provider off.",
        )
    _record(actor, row, "provider.deleted", {})
    row.delete()
    changed(organisation_id)


@transaction.atomic
def add_provider_key(
    *, actor: Actor, organisation_id: str | None, provider: str, api_key: str, weight: int = 1
) -> KeyView:
    """Add a credential to a provider's pool; requests are spread over the pool by weight.

    InvalidError names the field; ConflictError when the provider has this very key.
    """
    row = _locked(actor, organisation_id, provider)
    made = _add_key(actor, row, api_key, weight=weight)
    changed(organisation_id)
    return setup.shown_key(made)


@transaction.atomic
def rotate_provider_key(
    *, actor: Actor, organisation_id: str | None, provider: str, key_id: str, api_key: str
) -> KeyView:
    """Put a new credential in the place of one; NotFoundError when the provider has no such key."""
    row = _locked(actor, organisation_id, provider)
    key = _find_key(row, key_id)
    secret = check_secret(api_key)
    before, key.hint, key.encrypted = key.hint, _hint(secret), crypto.encrypt(secret)
    key.save(update_fields=["hint", "encrypted"])
    _record(actor, row, "provider.key_rotated", {"key_id": key.pk, "hint": [before, key.hint]})
    changed(organisation_id)
    return setup.shown_key(key)


@transaction.atomic
def update_provider_key(
    *,
    actor: Actor,
    organisation_id: str | None,
    provider: str,
    key_id: str,
    weight: int | None = None,
    enabled: bool | None = None,
) -> KeyView:
    """Change a credential's share of the requests, or switch it on or off; NotFoundError as for rotating it."""
    row = _locked(actor, organisation_id, provider)
    key = _find_key(row, key_id)
    before = {"weight": key.weight, "enabled": key.enabled}
    after = {
        "weight": key.weight if weight is None else check_weight(weight),
        "enabled": key.enabled if enabled is None else enabled,
    }
    if changes := trail.differences(before, after):
        key.weight, key.enabled = after["weight"], bool(after["enabled"])
        key.save(update_fields=["weight", "enabled"])
        _record(actor, row, "provider.key_changed", {"key_id": key.pk, "hint": key.hint} | changes)
        changed(organisation_id)
    return setup.shown_key(key)


@transaction.atomic
def remove_provider_key(*, actor: Actor, organisation_id: str | None, provider: str, key_id: str) -> None:
    """Take a credential (its id, or how it ends) away; NotFoundError when the provider has no such key."""
    row = _locked(actor, organisation_id, provider)
    key = _find_key(row, key_id)
    _record(actor, row, "provider.key_removed", {"key_id": key.pk, "hint": key.hint})
    key.delete()
    changed(organisation_id)


def _forget_keys(actor: Actor, provider: Provider, api_key: str | None) -> None:
    """Take all keys away from a provider that moves to another server; InvalidError unless there is one for that."""
    keys = list(ProviderKey.objects.filter(provider=provider))
    if keys and api_key is None:
        fault = FieldError("api_key", "Give the key for the new address: the one kept was given for another server.")
        raise InvalidError("The provider's key cannot go to another server.", fields=(fault,))
    for key in keys:
        _record(actor, provider, "provider.key_removed", {"key_id": key.pk, "hint": key.hint})
        key.delete()


def _add_key(actor: Actor, provider: Provider, api_key: str, *, weight: int) -> ProviderKey:
    secret = check_secret(api_key)
    check_weight(weight)
    if provider.kind == "offline":
        raise InvalidError(
            "The built-in model takes no key.", fields=(FieldError("api_key", "Leave it out for this kind."),)
        )
    pool = list(ProviderKey.objects.filter(provider=provider))
    if len(pool) >= MAX_KEYS:
        raise ConflictError(f"The provider has {MAX_KEYS} keys already.", next_step="Remove one first.")
    if any(_holds(key, secret) for key in pool):
        raise ConflictError("The provider has this key already.")
    made = ProviderKey.objects.create(
        provider=provider, encrypted=crypto.encrypt(secret), hint=_hint(secret), weight=weight
    )
    _record(actor, provider, "provider.key_added", {"key_id": made.pk, "hint": made.hint, "weight": weight})
    return made


def _holds(key: ProviderKey, secret: str) -> bool:
    try:
        return key.hint == _hint(secret) and crypto.decrypt(key.encrypted) == secret.encode()
    except crypto.UnreadableError:
        return False


def _hint(secret: str) -> str:
    """How a secret ends; nothing of one that is so short that this would tell too much."""
    return secret[-_HINT_LENGTH:] if len(secret) >= 4 * _HINT_LENGTH else ""


def _find_key(provider: Provider, key_id: str) -> ProviderKey:
    found = [key for key in provider.keys.all() if key.pk == key_id or (key.hint and key.hint == key_id)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConflictError(f"Several keys end with {key_id}.", next_step="Name the key by its id.")
    raise NotFoundError(f"{provider.name} has no such key.", next_step="The provider's page and list show its keys.")


def _locked(actor: Actor, organisation_id: str | None, name_or_id: str) -> Provider:
    """Return the row to change, locked, once the actor may."""
    require_may_change(actor, organisation_id)
    found = setup.get_provider_row(organisation_id, name_or_id)
    return Provider.objects.select_for_update().get(pk=found.pk)


def _require_free_name(organisation_id: str | None, name: str) -> None:
    if organisation_id is None and name == SETTINGS_PROVIDER:
        raise ConflictError(
            f"The name {name} stands for the provider of the settings.", next_step="Choose another name."
        )
    if Provider.objects.filter(organisation_id=organisation_id, name=name).exists():
        raise ConflictError(
            f"There is a provider {name} already.", next_step="Choose another name, or change that one."
        )


def _saved(row: Provider) -> Provider:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:  # two at once
        raise ConflictError(f"There is a provider {row.name} already.", next_step="Choose another name.") from None
    return row


def _record(actor: Actor, row: Provider, action: str, changes: dict[str, Any]) -> None:
    target = ("provider", row.pk, row.name)
    trail.record(actor, action, organisation_id=row.organisation_id, target=target, changes=changes)
