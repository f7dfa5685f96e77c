"""Making, checking, changing, rotating and revoking API keys."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TypedDict, Unpack

from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction

from patchbay.kernel.accounts import services as accounts
from patchbay.kernel.audit import services as audit
from patchbay.kernel.keys import scopes, token
from patchbay.kernel.keys.cache import GrantCache, announced
from patchbay.kernel.keys.checks import (
    Wanted,
    owner_of,
    require_may_manage,
    require_not_to_outlive,
    require_unlimited,
)
from patchbay.kernel.keys.contracts import CreatedKey, Environment, Grant, Key, Permission, PlugScopes, Refusal
from patchbay.kernel.keys.grants import read_grants
from patchbay.kernel.keys.last_use import LastUse
from patchbay.kernel.keys.models import ApiKey
from patchbay.kernel.keys.queries import plug_keys, shown, usable
from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans import services as entitlements
from patchbay.lib.actor import Actor
from patchbay.lib.errors import (
    AppError,
    ConflictError,
    FieldError,
    InvalidError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from patchbay.lib.money import to_text
from patchbay.lib.shared.cache import changed
from patchbay.lib.shared.state import epoch

DEFAULT_OVERLAP = 24 * 3600
MAX_OVERLAP = 7 * 24 * 3600

_REFUSALS: dict[Refusal, tuple[str, str]] = {
    "unknown": ("This API key is not known here.", "Check the key, or make a new one."),
    "revoked": ("This API key was revoked.", "Use another key, or make a new one."),
    "expired": ("This API key has expired.", "Use another key, or make a new one."),
    "replaced": ("This secret of the API key was replaced by a newer one.", "Use the key's new secret."),
    "unusable": ("This API key is not known here, was revoked or has expired.", "Check the key, or make a new one."),
}
_grants = GrantCache()
_last_use = LastUse()


@transaction.atomic
def create_key(
    *,
    actor: Actor,
    name: str,
    plug_id: str | None = None,
    permission: Permission = "full",
    environment: Environment = "live",
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
    monthly_cap_micro: int | None = None,
    secret: str | None = None,
) -> CreatedKey:
    """Make a key; its secret is in the answer and nowhere else. Editors and owners.

    `secret` is for a key whose maker must know it beforehand (the demo's); it is as random as one of ours.

    `plug_id` is the id or slug of a plug of the organisation, or None for all of them. `requests_per_minute` and
    `monthly_cap_micro` limit this key alone, within the plan's rate and the organisation's credits. InvalidError
    names the fields; PlanLimitError when the plan has no more keys; ForbiddenError when a key makes one that may do
    more than itself; NotFoundError for a plug that the organisation cannot see.
    """
    plan = plans.get_plan(actor.organisation_id)
    limits = (requests_per_minute, monthly_cap_micro)
    wanted = Wanted(name, permission, environment, expires_at, plan, *limits).cleaned()
    require_may_manage(actor, environment=environment)
    require_unlimited(actor)
    require_not_to_outlive(actor, expires_at)
    accounts.lock_organisation(actor.organisation_id)  # or two at once would both count one too few
    entitlements.require(actor.organisation_id, "api_keys", used=usable(actor.organisation_id).count())
    secret = secret or token.new_token(environment)
    row = ApiKey.objects.create(
        organisation_id=actor.organisation_id,
        name=wanted.name,
        plug_id=scopes.resolve(actor.organisation_id, plug_id) if plug_id else None,
        permission=permission,
        environment=environment,
        prefix=secret[: token.PREFIX_LENGTH],
        digest=token.digest(secret),
        owner_id=owner_of(actor),
        created_by=actor.name[:200],
        expires_at=expires_at,
        requests_per_minute=requests_per_minute,
    )
    terms = {"permission": permission, "environment": environment, "plug_id": row.plug_id, "expires_at": expires_at}
    if monthly_cap_micro is not None:
        _set_cap(row, monthly_cap_micro)
    _record(actor, row, "key.created", {"prefix": row.prefix, **terms, **_limits(shown(row))})
    announced(actor.organisation_id)  # some process may remember that there is no such key
    return CreatedKey(shown(row), secret)


class KeyChanges(TypedDict, total=False):
    """What of a key may change; None lifts a limit."""

    name: str
    requests_per_minute: int | None
    monthly_cap_micro: int | None


@transaction.atomic
def update_key(*, actor: Actor, key_id: str, **changes: Unpack[KeyChanges]) -> Key:
    """Rename a key, or give it another rate or monthly cap; what is not named stays. Editors and owners.

    Holds in every process once the transaction has committed. InvalidError names the fields; ConflictError for a key
    that was revoked or has expired; NotFoundError for another organisation's; ForbiddenError for a key with limits.
    """
    row = _active(actor, key_id)
    before = shown(row)
    cap = before.budget.cap_micro if before.budget else None
    wanted = Wanted(
        changes.get("name", row.name),
        row.permission,
        row.environment,
        None,
        plans.get_plan(actor.organisation_id),
        changes.get("requests_per_minute"),  # as it stands it may be above a plan that became smaller
        changes.get("monthly_cap_micro"),
    ).cleaned()
    row.name = wanted.name
    row.requests_per_minute = changes.get("requests_per_minute", row.requests_per_minute)
    row.save(update_fields=["name", "requests_per_minute"])
    if "monthly_cap_micro" in changes and changes["monthly_cap_micro"] != cap:
        _set_cap(row, changes["monthly_cap_micro"])
    after = shown(row)
    old, new = {"name": before.name, **_limits(before)}, {"name": after.name, **_limits(after)}
    if differing := {name: [old[name], new[name]] for name in new if old[name] != new[name]}:
        _record(actor, row, "key.changed", differing)
        changed(actor.organisation_id)
    return after


def rotate_key(
    *, actor: Actor, key_id: str, overlap_seconds: int = DEFAULT_OVERLAP, seen_prefix: str = ""
) -> CreatedKey:
    """Give a key a new secret, which is in the answer and nowhere else. Editors and owners.

    The secret before is good for `overlap_seconds` more (0 to 7 days), one before that no longer. All else stays: id,
    scope, rate, cap, usage. Runs its own transaction: when this returns it is true in every process. Refuses as
    `update_key` does, and a key that would hand out a secret which outlives or may do more than itself.

    `seen_prefix` is how the secret began that the caller means to replace; ConflictError when it was replaced
    meanwhile: a page sent twice must not end the secret that is in use.
    """
    if not 0 <= overlap_seconds <= MAX_OVERLAP:
        fault = FieldError("overlap_seconds", f"Choose from 0 to {MAX_OVERLAP} seconds (7 days).")
        raise InvalidError("The overlap is not possible.", fields=(fault,))
    with transaction.atomic(durable=True):
        row = _active(actor, key_id)
        require_not_to_outlive(actor, row.expires_at)
        if seen_prefix and seen_prefix != row.prefix:
            raise ConflictError(
                "This key was rotated already; the secret before is still good for as long as was chosen then.",
                next_step="Open the page anew to rotate it once more.",
            )
        secret, before = token.new_token(row.environment), row.prefix
        row.previous_digest = row.digest if overlap_seconds else None
        row.previous_until = datetime.now(UTC) + timedelta(seconds=overlap_seconds) if overlap_seconds else None
        row.prefix, row.digest = secret[: token.PREFIX_LENGTH], token.digest(secret)
        # Who rotates learns the secret: a key is an owner's only as long as nobody else does.
        row.owner_id = row.owner_id if owner_of(actor) == row.owner_id else None
        row.save(update_fields=["prefix", "digest", "previous_digest", "previous_until", "owner_id"])
        _record(
            actor, row, "key.rotated", {"prefix": [before, row.prefix], "previous_secret_until": row.previous_until}
        )
        changed(actor.organisation_id)
    return CreatedKey(shown(row), secret)


def _active(actor: Actor, key_id: str) -> ApiKey:
    """Return a key that is to be changed, locked; refuse whom it does not belong to, and what has ended."""
    row = _get(actor, key_id)
    require_may_manage(actor, environment=row.environment)
    require_unlimited(actor)
    if (state := shown(row).state) != "active":
        raise ConflictError(f"This key is {state}.", next_step="Make a new key.")
    return row


def _get(actor: Actor, key_id: str) -> ApiKey:
    row = ApiKey.objects.select_for_update().filter(organisation_id=actor.organisation_id, pk=key_id).first()
    if row is None:
        raise NotFoundError("There is no such key.")
    return row


def _set_cap(row: ApiKey, cap_micro: int | None) -> None:
    ledger.set_budget(organisation_id=row.organisation_id, scope="key", scope_id=row.pk, cap_micro=cap_micro)


def _limits(key: Key) -> dict[str, object]:
    cap = to_text(key.budget.cap_micro) if key.budget else None
    return {"requests_per_minute": key.requests_per_minute, "monthly_cap": cap}


def revoke_key(*, actor: Actor, key_id: str) -> Key:
    """End a key, with the secret before its last rotation: when this returns, every process refuses both.

    Revoking twice is no fault. Editors and owners.
    Runs its own transaction, because only a commit makes it true; NotFoundError for another organisation's key.
    """
    with transaction.atomic(durable=True):
        row = _get(actor, key_id)
        require_may_manage(actor, environment=row.environment)
        if row.revoked_at is None:
            _revoke(actor, row)
        changed(
            actor.organisation_id
        )  # also when it was revoked: whoever did may have died between the commit and the epoch
    return shown(row)


def revoke_plug_keys(*, actor: Actor, plug_id: str) -> None:
    """End every key that is for one plug, in the caller's transaction: all processes refuse them once it has committed.

    The organisation stays locked until then, so that nobody makes another. ForbiddenError, as for ending one of them.
    """
    accounts.lock_organisation(actor.organisation_id)
    for row in plug_keys(actor.organisation_id, plug_id):
        require_may_manage(actor, environment=row.environment)
        _revoke(actor, row)
    changed(actor.organisation_id)


def authenticate(secret: str) -> Grant:
    """Return what a key grants, from memory, else from the database. May wait; any thread.

    UnauthenticatedError for what is no key, unknown, revoked or expired; UnavailableError when the database or the
    shared state is away.
    """
    (outcome,) = authenticate_all([secret])
    if isinstance(outcome, AppError):
        raise outcome
    return outcome


def authenticate_all(secrets: Sequence[str]) -> list[Grant | AppError]:
    """As `authenticate` for several keys at once, each with what it grants or its refusal: a few queries for all.

    UnavailableError is raised: it is everyone's.
    """
    digests = [token.digest(secret) if token.is_token(secret) else "" for secret in secrets]
    wanted = set(filter(None, digests))
    if connection.in_atomic_block:  # what the transaction wrote is true here and may be rolled back: keep out of memory
        found = read_grants(wanted)
    else:
        if wanted:
            epoch().refresh()  # who may wait asks what other machines revoked; the loop learns it with its rates
        found = _find(wanted)
        for grant in found.values():
            if isinstance(grant, Grant):
                _last_use.note(grant.key_id)
    return [_outcome(found[digest]) if digest else _no_key() for digest in digests]


def _find(digests: Collection[str]) -> dict[str, Grant | Refusal]:
    """Return what memory knows, and read the rest."""
    found: dict[str, Grant | Refusal] = {}
    for digest in digests:
        if (grant := _grants.find(digest)) is not None:
            found[digest] = grant
    missing = [digest for digest in digests if digest not in found]
    if missing:
        try:
            found |= _load(missing)
        except (OperationalError, InterfaceError) as error:
            raise UnavailableError("The database does not answer; the key was not checked.", retry_after=2) from error
        finally:
            close_old_connections()  # threads of a pool would each keep a connection for ever
    return found


def _load(digests: Collection[str]) -> dict[str, Grant | Refusal]:
    found: dict[str, Grant | Refusal] = {}
    for digest in digests:
        if (reason := _grants.refusal(digest, _list_usable)) is not None:
            found[digest] = reason
    if unknown := [digest for digest in digests if digest not in found]:
        seen = epoch().read()
        read = read_grants(unknown)
        for digest, grant in read.items():
            _grants.remember(digest, grant, seen=seen)
        found |= read
    return found


def _outcome(found: Grant | Refusal) -> Grant | AppError:
    if isinstance(found, Grant):
        return found
    message, next_step = _REFUSALS[found]
    return UnauthenticatedError(message, next_step=next_step)


def _no_key() -> AppError:
    return UnauthenticatedError("This is not an API key.", next_step="Send `Authorization: Bearer sme_live_…`.")


def find_cached(secret: str) -> Grant | None:
    """Return what a key grants if this process knows it, for the event loop: never waits, never refuses."""
    grant = _grants.find(token.digest(secret)) if token.is_token(secret) else None
    if grant is not None:
        _last_use.note(grant.key_id)
    return grant


def forget_grants(organisation_id: str) -> None:
    """Have every process read an organisation's grants anew once this is committed: a budget has changed."""
    changed(organisation_id)


def register_plug_scopes(source: PlugScopes) -> None:
    """Say where the plugs that a key may be scoped to come from; called once, in the `ready()` of what has plugs."""
    scopes.register(source)


def flush_last_use() -> None:
    """Write the times of last use now, as a process does before it ends."""
    _last_use.flush()


def _revoke(actor: Actor, row: ApiKey) -> None:
    row.revoked_at = datetime.now(UTC)
    row.save(update_fields=["revoked_at"])
    _record(actor, row, "key.revoked", {"prefix": row.prefix})


def _list_usable() -> frozenset[str]:
    now = datetime.now(UTC)
    rows = usable().values_list("digest", "previous_digest", "previous_until")
    return frozenset(
        chain.from_iterable([digest, old] if old and until and until > now else [digest] for digest, old, until in rows)
    )


def _record(actor: Actor, row: ApiKey, action: str, changes: Mapping[str, object]) -> None:
    audit.record(actor=actor, action=action, target_type="key", target_id=row.pk, target_name=row.name, changes=changes)
