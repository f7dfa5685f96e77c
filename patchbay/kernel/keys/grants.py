"""Reading what keys grant: a query for the keys, one for their plans and one for their caps, however many keys."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, cast

from django.db.models import Q

from patchbay.kernel.accounts import queries as accounts
from patchbay.kernel.keys.contracts import Environment, Grant, Permission, Refusal
from patchbay.kernel.keys.models import ApiKey
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans.contracts import PlanTerms


def read_grants(digests: Collection[str]) -> dict[str, Grant | Refusal]:
    """Return for each digest what its key grants, or why it is refused."""
    rows = ApiKey.objects.filter(Q(digest__in=digests) | Q(previous_digest__in=digests))
    rows = rows.annotate(owner_is_one=accounts.is_owner("owner_id", "organisation_id"))
    keys: dict[str, ApiKey] = {}
    for row in rows:
        keys |= {digest: row for digest in (row.digest, row.previous_digest) if digest is not None}
    found: dict[str, Grant | Refusal] = {}
    good: dict[str, tuple[ApiKey, float | None]] = {}
    for digest in digests:
        ends = _end(digest, keys.get(digest))
        if isinstance(ends, str):
            found[digest] = ends
        else:
            good[digest] = (keys[digest], ends)
    if good:
        terms = plans.get_plans({row.organisation_id for row, _ in good.values()})
        caps = ledger.list_caps_of_keys({row.pk: row.organisation_id for row, _ in good.values()})
        for digest, (key, end) in good.items():
            found[digest] = _grant(key, end, terms[key.organisation_id], caps[key.pk])
    return found


def _end(digest: str, row: ApiKey | None) -> float | Refusal | None:
    """Return until when a secret is good, in seconds since 1970, None for ever; or why it is not."""
    if row is None:
        return "unknown"
    if row.revoked_at:
        return "revoked"
    now = datetime.now(UTC)
    if row.expires_at and row.expires_at <= now:
        return "expired"
    ends = [row.expires_at] if row.expires_at else []
    if row.digest != digest and row.previous_until:
        if row.previous_until <= now:
            return "replaced"
        ends.append(row.previous_until)
    return min(ends).timestamp() if ends else None


def _grant(row: Any, end: float | None, plan: PlanTerms, caps: tuple[str, ...]) -> Grant:
    return Grant(
        key_id=row.pk,
        organisation_id=row.organisation_id,
        plug_id=row.plug_id,
        permission=cast(Permission, row.permission),
        environment=cast(Environment, row.environment),
        name=row.name,
        expires_at=end,
        requests_per_minute=plan.requests_per_minute,
        plan_code=plan.code,
        made_by_owner=row.owner_is_one,
        key_requests_per_minute=row.requests_per_minute,
        budgets=caps,
    )
