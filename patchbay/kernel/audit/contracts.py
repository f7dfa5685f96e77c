"""What the audit log gives out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Kind = Literal["security", "money", "configuration"]

# The part of an action before the dot decides its kind; what is not here is configuration.
NOUNS_BY_KIND: Mapping[Kind, tuple[str, ...]] = {
    "security": ("session", "password", "key", "member", "user"),
    "money": ("credits", "plan", "payment_method", "subscription", "invoice", "refund"),
}
KINDS: tuple[Kind, ...] = ("security", "money", "configuration")


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One event as it is shown; `changes` maps a field to `[before, after]` or to a plain value."""

    id: str
    organisation_id: str
    sequence: int
    created_at: datetime
    action: str
    target_type: str
    target_id: str
    target_name: str
    changes: Mapping[str, Any]
    actor_kind: str
    actor_role: str
    actor_name: str
    user_id: str | None
    key_id: str | None
    address: str | None
    previous_digest: str
    digest: str

    @property
    def kind(self) -> Kind:
        noun = self.action.partition(".")[0]
        return next((kind for kind, nouns in NOUNS_BY_KIND.items() if noun in nouns), "configuration")

    @property
    def summary(self) -> str:
        """The event as a short sentence: `key.created` of "Production" → "Key Production created"."""
        noun, _, verb = self.action.partition(".")
        words = f"{noun} {self.target_name} {verb}".replace("_", " ")
        return words[:1].upper() + words[1:]


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """The outcome of recomputing a chain: `fault` is None when all `events` agree, else it says where and what.

    `let_go` counts the older events, which the plan keeps no longer; the chain was verified from the last one's digest.
    """

    events: int
    fault: str | None = None
    let_go: int = 0

    @property
    def sound(self) -> bool:
        return self.fault is None
