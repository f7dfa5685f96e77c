"""From JSON objects to the dataclasses of `models`."""

from __future__ import annotations

from typing import cast

from smeplug._fields import Fields
from smeplug.models import (
    Answer,
    ApiKey,
    Balance,
    Citation,
    Document,
    DocumentStatus,
    Guardrail,
    Identity,
    LedgerEntry,
    Message,
    NewApiKey,
    Outcome,
    Plug,
    Session,
    Usage,
    UsageRecord,
)


def parse_answer(data: object, request_id: str | None) -> Answer:
    fields = Fields("answer", data)
    return Answer(
        id=fields.text("id"),
        session_id=fields.text("session_id"),
        created_at=fields.time("created_at"),
        model=fields.text("model"),
        plug=fields.text("plug"),
        plug_version=str(fields.raw.get("plug_version", "")),
        outcome=cast(Outcome, fields.text("outcome")),
        answer=fields.text("answer"),
        citations=tuple(parse_citation(each) for each in fields.parts("citations")),
        support=fields.number_or_none("support"),
        guardrails=tuple(
            Guardrail(each.text("kind"), each.text("action"), each.text("where")) for each in fields.parts("guardrails")
        ),
        usage=_usage(fields.part("usage")),
        request_id=request_id,
    )


def parse_citation(fields: Fields) -> Citation:
    return Citation(
        index=fields.integer("index"),
        document_id=fields.text("document_id"),
        document_version=fields.integer("document_version"),
        title=fields.text("title"),
        page=fields.integer_or_none("page"),
        section=fields.text_or_none("section"),
        quote=fields.text("quote"),
        start=fields.integer("start"),
        end=fields.integer("end"),
        verified=fields.boolean("verified"),
        url=fields.text_or_none("url"),
    )


def _usage(fields: Fields) -> Usage:
    return Usage(
        prompt_tokens=fields.integer("prompt_tokens"),
        completion_tokens=fields.integer("completion_tokens"),
        cached_tokens=fields.integer("cached_tokens"),
        estimated=fields.boolean("estimated"),
        credits=fields.credits("credits"),
    )


def parse_plug(fields: Fields) -> Plug:
    return Plug(
        id=fields.text("id"),
        slug=fields.text("slug"),
        name=fields.text("name"),
        domain=fields.text_or_none("domain"),
        description=fields.text_or_none("description"),
        raw=fields.raw,
    )


def parse_document(fields: Fields, plugin_id: str) -> Document:
    return Document(
        id=fields.text("id"),
        plugin_id=plugin_id,
        title=fields.text("title"),
        version=fields.integer_or_none("version"),
        status=cast(DocumentStatus, fields.text("status")),
        error=fields.text_or_none("error"),
        pages=fields.integer_or_none("pages"),
        chunks=fields.integer_or_none("chunks"),
        semantic=fields.boolean("semantic"),
        raw=fields.raw,
    )


def parse_session(fields: Fields) -> Session:
    return Session(
        id=fields.text("id"),
        plug=fields.text_or_none("plug"),
        created_at=fields.time("created_at"),
        messages=tuple(Message(each.text("role"), each.text("content"), each.raw) for each in fields.parts("messages")),
        raw=fields.raw,
    )


def parse_balance(fields: Fields) -> Balance:
    return Balance(fields.credits("available"), fields.credits("held"), fields.text("currency"))


def parse_entry(fields: Fields) -> LedgerEntry:
    return LedgerEntry(
        id=fields.text("id"),
        created_at=fields.time("created_at"),
        kind=fields.text("kind"),
        amount=fields.credits("amount"),
        request_id=fields.text_or_none("request_id"),
        raw=fields.raw,
    )


def parse_record(fields: Fields) -> UsageRecord:
    return UsageRecord(
        id=fields.text("id"),
        created_at=fields.time("created_at"),
        request_id=fields.text("request_id"),
        credits=fields.credits("credits"),
        raw=fields.raw,
    )


def parse_key(fields: Fields) -> ApiKey:
    return ApiKey(
        id=fields.text("id"),
        name=fields.text("name"),
        prefix=fields.text("prefix"),
        state=fields.text("state"),
        requests_per_minute=fields.integer_or_none("requests_per_minute"),
        monthly_cap=fields.credits_or_none("monthly_cap"),
        monthly_spent=fields.credits_or_none("monthly_spent"),
        previous_secret_until=fields.time_or_none("previous_secret_until"),
        # The secret of a new key stays out of what is printed and kept.
        raw={name: value for name, value in fields.raw.items() if name != "secret"},
    )


def parse_new_key(fields: Fields) -> NewApiKey:
    return NewApiKey(parse_key(fields), fields.text("secret"))


def parse_identity(fields: Fields) -> Identity:
    organisation = fields.part("organisation")
    return Identity(organisation.text("id"), organisation.text("name"), fields.raw)
