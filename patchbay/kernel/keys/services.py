"""Making, checking and revoking API keys."""

from datetime import UTC, datetime

from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction

from patchbay.kernel.accounts import services as accounts
from patchbay.kernel.audit import services as audit
from patchbay.kernel.keys import scopes, token
from patchbay.kernel.keys.cache import GrantCache, announced, changed
from patchbay.kernel.keys.checks import Wanted, made_by_owner, require_may_manage, require_not_to_outlive
from patchbay.kernel.keys.contracts import CreatedKey, Environment, Grant, Key, Permission, PlugScopes, Refusal
from patchbay.kernel.keys.last_use import LastUse
from patchbay.kernel.keys.models import ApiKey
from patchbay.kernel.keys.queries import plug_keys, shown, usable
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans import services as entitlements
from patchbay.lib.actor import Actor
from patchbay.lib.errors import NotFoundError, UnauthenticatedError, UnavailableError
from patchbay.lib.shared.state import epoch

_REFUSALS: dict[Refusal, tuple[str, str]] = {
    "unknown": ("This API key is not known here.", "Check the key, or make a new one."),
    "revoked": ("This API key was revoked.", "Use another key, or make a new one."),
    "expired": ("This API key has expired.", "Use another key, or make a new one."),
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
    secret: str | None = None,
) -> CreatedKey:
    """Make a key; its secret is in the answer and nowhere else. Editors and owners.

    `secret` is for a key whose maker must know it beforehand (the demo's); it is as random as one of ours.

    `plug_id` is the id or slug of a plug of the organisation, or None for all of them. InvalidError names the
    fields; PlanLimitError when the plan has no more keys; ForbiddenError when a key makes one that may do more than
    itself; NotFoundError for a plug that the organisation cannot see.
    """
    wanted = Wanted(name, permission, environment, expires_at).cleaned()
    require_may_manage(actor, environment=environment)
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
        made_by_owner=made_by_owner(actor),
        created_by=actor.name[:200],
        expires_at=expires_at,
    )
    terms = {"permission": permission, "environment": environment, "plug_id": row.plug_id, "expires_at": expires_at}
    _record(actor, row, "key.created", {"prefix": row.prefix, **terms})
    announced()  # some process may remember that there is no such key
    return CreatedKey(shown(row), secret)


def revoke_key(*, actor: Actor, key_id: str) -> Key:
    """End a key: when this returns, every process refuses it. Revoking twice is no fault. Editors and owners.

    Runs its own transaction, because only a commit makes it true; NotFoundError for another organisation's key.
    """
    with transaction.atomic(durable=True):
        row = ApiKey.objects.select_for_update().filter(organisation_id=actor.organisation_id, pk=key_id).first()
        if row is None:
            raise NotFoundError("There is no such key.")
        require_may_manage(actor, environment=row.environment)
        if row.revoked_at is None:
            _revoke(actor, row)
        changed()  # also when it was revoked: whoever did may have died between the commit and the epoch
    return shown(row)


def revoke_plug_keys(*, actor: Actor, plug_id: str) -> None:
    """End every key that is for one plug, in the caller's transaction: all processes refuse them once it has committed.

    The organisation stays locked until then, so that nobody makes another. ForbiddenError, as for ending one of them.
    """
    accounts.lock_organisation(actor.organisation_id)
    for row in plug_keys(actor.organisation_id, plug_id):
        require_may_manage(actor, environment=row.environment)
        _revoke(actor, row)
    changed()


def authenticate(secret: str) -> Grant:
    """Return what a key grants, from memory, else by one read of the database. May wait; any thread.

    UnauthenticatedError for what is no key, unknown, revoked or expired; UnavailableError when the database or the
    shared state is away.
    """
    if not token.is_token(secret):
        raise UnauthenticatedError("This is not an API key.", next_step="Send `Authorization: Bearer sme_live_…`.")
    digest = token.digest(secret)
    if connection.in_atomic_block:  # what the transaction wrote is true here and may be rolled back: keep out of memory
        found = _read(digest)
        if isinstance(found, Grant):
            return found
        raise _refuse(found)
    epoch().refresh()  # who may wait asks what other machines revoked; the event loop learns it with its rates
    grant = _grants.find(digest)
    if grant is None:
        try:
            grant = _load(digest)
        except (OperationalError, InterfaceError) as error:
            raise UnavailableError("The database does not answer; the key was not checked.", retry_after=2) from error
        finally:
            close_old_connections()  # threads of a pool would each keep a connection for ever
    _last_use.note(grant.key_id)
    return grant


def find_cached(secret: str) -> Grant | None:
    """Return what a key grants if this process knows it, for the event loop: never waits, never refuses."""
    grant = _grants.find(token.digest(secret)) if token.is_token(secret) else None
    if grant is not None:
        _last_use.note(grant.key_id)
    return grant


def register_plug_scopes(source: PlugScopes) -> None:
    """Say where the plugs that a key may be scoped to come from; called once, in the `ready()` of what has plugs."""
    scopes.register(source)


def flush_last_use() -> None:
    """Write the times of last use now, as a process does before it ends."""
    _last_use.flush()


def _load(digest: str) -> Grant:
    generation = _grants.current()
    refusal = generation.refusal(digest, _list_usable)
    if refusal is not None:
        raise _refuse(refusal)
    found = _read(digest)
    if isinstance(found, Grant):
        generation.remember(digest, found)
        return found
    generation.refuse(digest, found)
    raise _refuse(found)


def _read(digest: str) -> Grant | Refusal:
    row = ApiKey.objects.filter(digest=digest).first()
    if row is None:
        return "unknown"
    if row.revoked_at:
        return "revoked"
    if row.expires_at and row.expires_at <= datetime.now(UTC):
        return "expired"
    plan = plans.get_plan(row.organisation_id)
    return Grant(
        key_id=row.pk,
        organisation_id=row.organisation_id,
        plug_id=row.plug_id,
        permission=shown(row).permission,
        environment=shown(row).environment,
        name=row.name,
        expires_at=row.expires_at.timestamp() if row.expires_at else None,
        requests_per_minute=plan.requests_per_minute,
        plan_code=plan.code,
        made_by_owner=row.made_by_owner,
    )


def _revoke(actor: Actor, row: ApiKey) -> None:
    row.revoked_at = datetime.now(UTC)
    row.save(update_fields=["revoked_at"])
    _record(actor, row, "key.revoked", {"prefix": row.prefix})


def _refuse(reason: Refusal) -> UnauthenticatedError:
    message, next_step = _REFUSALS[reason]
    return UnauthenticatedError(message, next_step=next_step)


def _list_usable() -> frozenset[str]:
    return frozenset(usable().values_list("digest", flat=True))


def _record(actor: Actor, row: ApiKey, action: str, changes: dict[str, object]) -> None:
    audit.record(actor=actor, action=action, target_type="key", target_id=row.pk, target_name=row.name, changes=changes)
