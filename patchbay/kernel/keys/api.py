"""`/v1/keys`: managing keys with a key of full permission for the whole organisation."""

from typing import Any, Literal, cast

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from patchbay.kernel.keys import queries, services
from patchbay.kernel.keys.checks import require_may_manage
from patchbay.kernel.keys.contracts import CreatedKey, Grant, Key
from patchbay.lib.actor import Actor
from patchbay.lib.money import from_credits
from patchbay.lib.rest import Credits, CreditsIn, PageOut, PagingQuery, Timestamp, TimestampIn

router = Router(tags=["keys"])


class KeyIn(Schema):
    name: str = Field(max_length=120, description="Where it will be used, so that it can be revoked without fear")
    plug_id: str | None = Field(None, max_length=80, description="Id or slug of the one plug it is for")
    permission: Literal["full", "read_only"] = "full"
    environment: Literal["live", "test"] = "live"
    expires_at: TimestampIn | None = None
    requests_per_minute: int | None = Field(None, ge=1, description="Its own rate, within the plan's")
    monthly_cap: CreditsIn | None = Field(None, description="What it may spend in a calendar month (UTC)")


class KeyPatch(Schema):
    """What is left out stays as it is; null lifts a limit."""

    name: str = Field("", max_length=120)
    requests_per_minute: int | None = Field(None, ge=1)
    monthly_cap: CreditsIn | None = None


class RotateIn(Schema):
    overlap_seconds: int = Field(
        services.DEFAULT_OVERLAP, ge=0, le=services.MAX_OVERLAP, description="How long the secret before stays good"
    )


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
    requests_per_minute: int | None
    monthly_cap: Credits | None
    monthly_spent: Credits | None
    previous_secret_until: Timestamp | None


class CreatedKeyOut(KeyOut):
    """A new key; `secret` is shown this once."""

    secret: str


@router.get("", response=PageOut[KeyOut], summary="List API keys", operation_id="list_keys")
def list_keys(request: HttpRequest, paging: PagingQuery) -> Any:
    """Newest first, the revoked ones included; never their secrets."""
    require_may_manage(_actor(request), environment=_grant(request).environment)
    page = queries.page_keys(_grant(request).organisation_id, limit=paging.limit, cursor=paging.cursor)
    return {"data": [_out(key) for key in page.data], "next_cursor": page.next_cursor}


@router.post("", response={201: CreatedKeyOut}, summary="Create an API key", operation_id="create_key")
def create_key(request: HttpRequest, body: KeyIn) -> Any:
    """A test key makes test keys only; what an expiring key makes does not outlive it."""
    created = services.create_key(actor=_actor(request), **_terms(body.dict()))
    return Status(201, _with_secret(created))


@router.patch("/{key_id}", response=KeyOut, summary="Change an API key", operation_id="update_key")
def update_key(request: HttpRequest, key_id: str, body: KeyPatch) -> dict[str, Any]:
    """Holds everywhere when this answers. A key with a rate or cap of its own changes no keys."""
    terms = _terms(body.dict(exclude_unset=True))
    return _out(services.update_key(actor=_actor(request), key_id=key_id, **cast(services.KeyChanges, terms)))


@router.post("/{key_id}/rotate", response=CreatedKeyOut, summary="Rotate an API key", operation_id="rotate_key")
def rotate_key(request: HttpRequest, key_id: str, body: RotateIn) -> Any:
    """A new secret at once, shown this once; the one before stays good for the overlap. All else stays as it is."""
    rotated = services.rotate_key(actor=_actor(request), key_id=key_id, overlap_seconds=body.overlap_seconds)
    return _with_secret(rotated)


@router.delete("/{key_id}", response=KeyOut, summary="Revoke an API key", operation_id="revoke_key")
def revoke_key(request: HttpRequest, key_id: str) -> dict[str, Any]:
    """When this answers, the key is refused everywhere. Revoking twice is no fault."""
    return _out(services.revoke_key(actor=_actor(request), key_id=key_id))


def _with_secret(created: CreatedKey) -> dict[str, Any]:
    return _out(created.key) | {"secret": created.secret}


def _out(key: Key) -> dict[str, Any]:
    shown = {name: getattr(key, name) for name in KeyOut.model_fields if hasattr(key, name)}
    return shown | {
        "monthly_cap": key.budget.cap_micro if key.budget else None,
        "monthly_spent": key.budget.spent_micro if key.budget else None,
        "previous_secret_until": key.previous_until if key.is_rotating else None,
    }


def _terms(body: dict[str, Any]) -> dict[str, Any]:
    """Name the terms as the services do: the cap in micro-credits."""
    if "monthly_cap" in body:
        cap = body.pop("monthly_cap")
        body["monthly_cap_micro"] = None if cap is None else from_credits(cap)
    return body


def _grant(request: HttpRequest) -> Grant:
    return cast(Grant, request.auth)  # type: ignore[attr-defined]


def _actor(request: HttpRequest) -> Actor:
    return _grant(request).actor(request.META.get("REMOTE_ADDR"))
