"""What a key is, as it is shown, and what it grants, as it is used."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from patchbay.kernel.ledger.contracts import BudgetView
from patchbay.lib.actor import Actor

Permission = Literal["full", "read_only"]
Environment = Literal["live", "test"]
State = Literal["active", "expired", "revoked"]
Refusal = Literal["unknown", "revoked", "expired", "replaced", "unusable"]
"""Why a key is refused; "unusable" is one of the others, when nobody looked which."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as lists show it; `plug_id` None stands for the whole organisation. It holds nothing secret.

    `requests_per_minute` and `budget` are limits of its own, None where it has none. `previous_until` is until when the
    secret before the last rotation is good, if there was one. `owner_id` is the owner who made it, whose role it
    follows in what only owners may do; None where nobody did, or somebody else rotated it.
    """

    id: str
    organisation_id: str
    name: str
    plug_id: str | None
    permission: Permission
    environment: Environment
    prefix: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    requests_per_minute: int | None
    previous_until: datetime | None
    owner_id: str | None
    budget: BudgetView | None

    @property
    def is_rotating(self) -> bool:
        """Whether two secrets are good now."""
        return self.state == "active" and self.previous_until is not None and self.previous_until > datetime.now(UTC)

    @property
    def state(self) -> State:
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= datetime.now(UTC) else "active"


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key with its secret, which is shown this once and kept nowhere."""

    key: Key
    secret: str

    def __repr__(self) -> str:  # the secret must not reach a log through a repr
        return f"CreatedKey({self.key!r})"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid key allows; `expires_at` is in seconds since 1970, rates are requests per minute.

    `made_by_owner`: it is an owner's, who is one now. `requests_per_minute` is the plan's, `key_requests_per_minute`
    the key's own. `budgets` are the ids of the caps that apply, the key's and the organisation's: hold on them with
    `usage.services.hold_all`.
    """

    key_id: str
    organisation_id: str
    plug_id: str | None
    permission: Permission
    environment: Environment
    name: str
    expires_at: float | None
    requests_per_minute: int
    plan_code: str
    made_by_owner: bool = False
    key_requests_per_minute: int | None = None
    budgets: tuple[str, ...] = ()

    @property
    def is_test(self) -> bool:
        return self.environment == "test"

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= time.time()

    @property
    def may_read_audit(self) -> bool:
        """What only owners may read is open to the keys they made for the whole organisation, while they are owners."""
        return self.made_by_owner and self.permission == "full" and self.plug_id is None

    def actor(self, address: str | None = None) -> Actor:
        """Return who acts: a key of full permission as an editor, a read-only one as a viewer."""
        return Actor(
            kind="key",
            organisation_id=self.organisation_id,
            role="editor" if self.permission == "full" else "viewer",
            name=self.name,
            key_id=self.key_id,
            address=address,
        )


@dataclass(frozen=True, slots=True)
class PlugScope:
    """A plug that a key may be scoped to; `domain` is legal, healthcare, engineering or general."""

    id: str
    slug: str
    name: str
    domain: str


class PlugScopes(Protocol):
    """What the products tell about an organisation's plugs, its own and installed ones."""

    def get(self, organisation_id: str, id_or_slug: str) -> PlugScope:
        """Return a plug; NotFoundError for one that the organisation cannot see."""

    def list(self, organisation_id: str) -> Sequence[PlugScope]: ...
