"""`/v1/audit`: the log of the key's organisation."""

from typing import Any, Literal, Protocol, cast

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from patchbay.kernel.audit import queries
from patchbay.lib.errors import ForbiddenError
from patchbay.lib.rest import PageOut, Paging, Timestamp, TimestampIn

router = Router(tags=["audit"])


class Reader(Protocol):
    """What a key's grant tells this package, which stands below keys."""

    organisation_id: str

    @property
    def may_read_audit(self) -> bool: ...


class ActorOut(Schema):
    kind: str
    name: str
    role: str
    user_id: str | None
    key_id: str | None


class TargetOut(Schema):
    type: str
    id: str
    name: str


class AuditEventOut(Schema):
    """One event; `digest` is the SHA-256 of its content and of `previous_digest`."""

    id: str
    sequence: int
    created_at: Timestamp
    action: str
    kind: Literal["security", "money", "configuration"]
    summary: str
    actor: ActorOut
    target: TargetOut
    changes: dict[str, Any]
    address: str | None
    previous_digest: str
    digest: str

    @staticmethod
    def resolve_actor(event: Any) -> dict[str, Any]:
        return {
            "kind": event.actor_kind,
            "name": event.actor_name,
            "role": event.actor_role,
            "user_id": event.user_id,
            "key_id": event.key_id,
        }

    @staticmethod
    def resolve_target(event: Any) -> dict[str, Any]:
        return {"type": event.target_type, "id": event.target_id, "name": event.target_name}


class EventFilters(Paging):
    action: str | None = Field(None, max_length=80, description="Exactly this action, such as key.created")
    kind: Literal["security", "money", "configuration"] | None = None
    actor: str | None = Field(None, max_length=200, description="A user's or key's id, or a part of a name")
    target_id: str | None = Field(None, max_length=80)
    since: TimestampIn | None = Field(None, description="Events from this time on")
    until: TimestampIn | None = Field(None, description="Events before this time")


@router.get("/events", response=PageOut[AuditEventOut], summary="List audit events", operation_id="list_audit_events")
def list_events(request: HttpRequest, filters: Query[EventFilters]) -> Any:
    """Newest first. For keys of full permission that an owner made for the whole organisation."""
    reader = cast(Reader, request.auth)  # type: ignore[attr-defined]
    if not reader.may_read_audit:
        raise ForbiddenError(
            "The audit log is for owners.",
            next_step="Use a key of full permission for the whole organisation that you made as an owner.",
        )
    return queries.list_events(reader.organisation_id, **filters.dict())
