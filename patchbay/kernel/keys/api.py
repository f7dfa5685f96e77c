"""`/v1/keys`: managing keys with a key of full permission for the whole organisation."""

from datetime import datetime
from typing import Any, Literal, cast

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from patchbay.kernel.keys import queries, services
from patchbay.kernel.keys.checks import require_may_manage
from patchbay.kernel.keys.contracts import CreatedKey, Grant, Key
from patchbay.lib.actor import Actor
from patchbay.lib.rest import PageOut, PagingQuery, Timestamp

router = Router(tags=["keys"])


class KeyIn(Schema):
    name: str = Field(max_length=120, description="Where it will be used, so that it can be revoked without fear")
    plug_id: str | None = Field(None, max_length=80, description="Id or slug of the one plug it is for")
    permission: Literal["full", "read_only"] = "full"
    environment: Literal["live", "test"] = "live"
    expires_at: datetime | None = None


class KeyOut(Schema):
    id: str
    name: str
    plug_id: str | None
    permission: Literal["full", "read_only"]
    environment: Literal["live", "test"]
    state: Literal["active", "expired", "revoked"]
    prefix: str
    created_by: str
    created_at: Timestamp
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    last_used_at: Timestamp | None


class CreatedKeyOut(KeyOut):
    """A new key; `secret` is shown this once."""

    secret: str


@router.get("", response=PageOut[KeyOut], summary="List API keys", operation_id="list_keys")
def list_keys(request: HttpRequest, paging: PagingQuery) -> Any:
    """Newest first, the revoked ones included; never their secrets."""
    require_may_manage(_actor(request), environment=_grant(request).environment)
    return queries.page_keys(_grant(request).organisation_id, limit=paging.limit, cursor=paging.cursor)


@router.post("", response={201: CreatedKeyOut}, summary="Create an API key", operation_id="create_key")
def create_key(request: HttpRequest, body: KeyIn) -> Any:
    """A test key makes test keys only; what an expiring key makes does not outlive it."""
    created = services.create_key(actor=_actor(request), **body.dict())
    return Status(201, _with_secret(created))


@router.delete("/{key_id}", response=KeyOut, summary="Revoke an API key", operation_id="revoke_key")
def revoke_key(request: HttpRequest, key_id: str) -> Key:
    """When this answers, the key is refused everywhere. Revoking twice is no fault."""
    return services.revoke_key(actor=_actor(request), key_id=key_id)


def _with_secret(created: CreatedKey) -> dict[str, Any]:
    names = [name for name in CreatedKeyOut.model_fields if name != "secret"]
    return {name: getattr(created.key, name) for name in names} | {"secret": created.secret}


def _grant(request: HttpRequest) -> Grant:
    return cast(Grant, request.auth)  # type: ignore[attr-defined]


def _actor(request: HttpRequest) -> Actor:
    return _grant(request).actor(request.META.get("REMOTE_ADDR"))
