"""Who acts: passed to every service, so that permission and audit never depend on a global."""

from dataclasses import dataclass
from typing import Literal

from patchbay.lib.errors import ForbiddenError

Role = Literal["owner", "editor", "viewer"]
ActorKind = Literal["user", "key", "system"]

_RANK: dict[Role, int] = {"viewer": 0, "editor": 1, "owner": 2}


@dataclass(frozen=True, slots=True)
class Actor:
    """A user in one organisation, an API key, or the system itself.

    A key with full permission acts as an editor, a read-only key as a viewer; asking is open to viewers. `is_staff`:
    one of those who run this Patchbay, who alone change what belongs to the platform.
    """

    kind: ActorKind
    organisation_id: str
    role: Role
    name: str
    user_id: str | None = None
    key_id: str | None = None
    address: str | None = None
    is_staff: bool = False

    def require_staff(self) -> None:
        """Raise ForbiddenError unless the actor runs this Patchbay."""
        if not self.is_staff:
            raise ForbiddenError(
                "Only those who run this Patchbay change what belongs to the platform.",
                next_step="Ask whoever runs it, or add a provider or model of your organisation's own.",
            )

    def require(self, role: Role) -> None:
        """Raise ForbiddenError unless the actor's role is at least `role`."""
        if _RANK[self.role] < _RANK[role]:
            raise ForbiddenError(
                f"This needs the role {role}; yours is {self.role}.",
                next_step="Ask an owner of the organisation for the role, or use a key with full permission.",
            )


def system_actor(organisation_id: str) -> Actor:
    """The actor of scheduled work inside one organisation."""
    return Actor(kind="system", organisation_id=organisation_id, role="owner", name="Patchbay")
