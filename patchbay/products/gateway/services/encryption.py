"""Encrypting what the gateway keeps anew, after the encryption keys were rotated."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from patchbay.lib import crypto
from patchbay.products.gateway.cache import changed
from patchbay.products.gateway.models import ProviderKey, RequestBody

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Renewed:
    """How many secrets are encrypted with the newest key now, and how many no key could read."""

    renewed: int
    lost: int


def renew_secrets() -> Renewed:
    """Encrypt providers' keys and kept bodies with the newest key. May be interrupted and run again."""
    renewed = lost = 0
    for model in (ProviderKey, RequestBody):
        after: Any = None
        while pks := _next(model, after):
            after = pks[-1]
            some, gone = _renew(model, pks)
            renewed, lost = renewed + some, lost + gone
    return Renewed(renewed, lost)


def _next(model: Any, after: Any) -> list[Any]:
    rows = model.objects.order_by("pk") if after is None else model.objects.order_by("pk").filter(pk__gt=after)
    return list(rows.values_list("pk", flat=True)[:_AT_ONCE])


@transaction.atomic
def _renew(model: Any, pks: list[Any]) -> tuple[int, int]:
    """Renew some rows, locked, so that a key that is replaced meanwhile stays replaced."""
    rows, lost = [], 0
    for row in model.objects.select_for_update().filter(pk__in=pks):
        try:
            row.encrypted = crypto.keyring().renew(row.encrypted)
        except crypto.UnreadableError:
            lost += 1
            continue
        rows.append(row)
    model.objects.bulk_update(rows, ["encrypted"])
    changed(None)
    return len(rows), lost
