"""Every operation of the API that the clients offer, as calls: pure, and shared by both clients."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from smeplug import _parse
from smeplug._arguments import credits_or_none, text, text_or_none, whole, whole_or_none
from smeplug._call import EVENT_STREAM, JSON, Call, Reply, idempotency_key, path_of
from smeplug._fields import Fields
from smeplug._paging import Listing, Page, parse_page
from smeplug._upload import Upload
from smeplug.models import (
    Answer,
    ApiKey,
    Balance,
    Document,
    Identity,
    LedgerEntry,
    NewApiKey,
    Plug,
    Session,
    UsageRecord,
)

T = TypeVar("T")
UNSET: Any = object()
"""What was not given, where None means something."""


def chat(question: str, session_id: str | None, plugin_id: str | None, key: str | None, stream: bool) -> Call[Answer]:
    """One question. The same key asks it once, however often it is sent."""
    optional = {
        "session_id": text_or_none("session_id", session_id),
        "plugin_id": text_or_none("plugin_id", plugin_id),
        "stream": True if stream else None,
    }
    body = {"message": text("question", question)} | {
        name: value for name, value in optional.items() if value is not None
    }
    return Call(
        "POST",
        path_of("chat"),
        lambda reply: _parse.parse_answer(reply.json(), reply.request_id),
        body=body,
        idempotency_key=idempotency_key(key),
        accept=EVENT_STREAM if stream else JSON,
    )


def me() -> Call[Identity]:
    return _get(path_of("me"), "me", _parse.parse_identity)


def create_plug(
    name: str, slug: str | None, domain: str | None, description: str | None, key: str | None
) -> Call[Plug]:
    optional = {
        "slug": text_or_none("slug", slug),
        "domain": text_or_none("domain", domain),
        "description": text_or_none("description", description),
    }
    return Call(
        "POST",
        path_of("plugs"),
        _one("plug", _parse.parse_plug),
        body={"name": text("name", name)} | {field: value for field, value in optional.items() if value is not None},
        idempotency_key=idempotency_key(key),
    )


def get_plug(plugin_id: str) -> Call[Plug]:
    return _get(path_of("plugs", plugin_id), "plug", _parse.parse_plug)


def delete_plug(plugin_id: str) -> Call[None]:
    return Call("DELETE", path_of("plugs", plugin_id), _nothing)


def list_plugs(limit: int | None, cursor: str | None) -> Listing[Plug]:
    return _list(path_of("plugs"), _parse.parse_plug, limit, cursor)


def upload_document(plugin_id: str, upload: Upload, key: str | None) -> Call[Document]:
    return Call(
        "POST",
        path_of("plugs", plugin_id, "documents"),
        _one("document", _document_of(plugin_id)),
        upload=upload,
        idempotency_key=idempotency_key(key),
    )


def get_document(plugin_id: str, document_id: str) -> Call[Document]:
    return _get(path_of("plugs", plugin_id, "documents", document_id), "document", _document_of(plugin_id))


def delete_document(plugin_id: str, document_id: str) -> Call[None]:
    return Call("DELETE", path_of("plugs", plugin_id, "documents", document_id), _nothing)


def list_documents(plugin_id: str, limit: int | None, cursor: str | None) -> Listing[Document]:
    return _list(path_of("plugs", plugin_id, "documents"), _document_of(plugin_id), limit, cursor)


def document_text(plugin_id: str, document_id: str, version: int) -> Call[str]:
    path = path_of("plugs", plugin_id, "documents", document_id, "versions", str(whole("version", version)), "text")
    return Call("GET", path, _text)


def get_session(session_id: str) -> Call[Session]:
    return _get(path_of("sessions", session_id), "session", _parse.parse_session)


def delete_session(session_id: str) -> Call[None]:
    return Call("DELETE", path_of("sessions", session_id), _nothing)


def list_sessions(limit: int | None, cursor: str | None) -> Listing[Session]:
    return _list(path_of("sessions"), _parse.parse_session, limit, cursor)


def list_keys(limit: int | None, cursor: str | None) -> Listing[ApiKey]:
    return _list(path_of("keys"), _parse.parse_key, limit, cursor)


def update_key(
    key_id: str, name: str, requests_per_minute: int | None, monthly_cap: Decimal | int | str | None
) -> Call[ApiKey]:
    given: dict[str, tuple[object, Callable[[str, object], object]]] = {
        "name": (name, text),
        "requests_per_minute": (requests_per_minute, whole_or_none),
        "monthly_cap": (monthly_cap, credits_or_none),
    }
    body = {field: check(field, value) for field, (value, check) in given.items() if value is not UNSET}
    return Call("PATCH", path_of("keys", key_id), _one("key", _parse.parse_key), body=body)


def rotate_key(key_id: str, overlap_seconds: int) -> Call[NewApiKey]:
    return Call(
        "POST",
        path_of("keys", key_id, "rotate"),
        _one("key", _parse.parse_new_key),
        body={"overlap_seconds": whole("overlap_seconds", overlap_seconds)},
        once=True,  # rotating twice would end the secret that the caller has
    )


def revoke_key(key_id: str) -> Call[ApiKey]:
    return Call("DELETE", path_of("keys", key_id), _one("key", _parse.parse_key))


def balance() -> Call[Balance]:
    return _get(path_of("credits", "balance"), "balance", _parse.parse_balance)


def list_entries(limit: int | None, cursor: str | None) -> Listing[LedgerEntry]:
    return _list(path_of("credits", "entries"), _parse.parse_entry, limit, cursor)


def list_records(limit: int | None, cursor: str | None) -> Listing[UsageRecord]:
    return _list(path_of("usage", "records"), _parse.parse_record, limit, cursor)


def _get(path: str, what: str, parse: Callable[[Fields], T]) -> Call[T]:
    return Call("GET", path, _one(what, parse))


def _one(what: str, parse: Callable[[Fields], T]) -> Callable[[Reply], T]:
    return lambda reply: parse(Fields(what, reply.json()))


def _list(path: str, parse: Callable[[Fields], T], limit: int | None, cursor: str | None) -> Listing[T]:
    size = whole_or_none("limit", limit)

    def page_at(at: str | None) -> Call[Page[T]]:
        params = {} if size is None else {"limit": str(size)}
        if at is not None:
            params["cursor"] = at
        return Call("GET", path, lambda reply: parse_page(reply.json(), parse), params=params)

    return Listing(page_at, text_or_none("cursor", cursor))


def _document_of(plugin_id: str) -> Callable[[Fields], Document]:
    return lambda fields: _parse.parse_document(fields, plugin_id)


def _text(reply: Reply) -> str:
    """The stored text exactly, so that a citation's offsets hold: as `{text}` or as plain UTF-8."""
    if reply.content_type.startswith(JSON):
        return Fields("text", reply.json()).text("text")
    return reply.body.decode()


def _nothing(reply: Reply) -> None:
    return None
