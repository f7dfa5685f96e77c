"""The answer object that leaves: built once, sent as JSON, as the `done` event, and kept for retries."""

from datetime import datetime
from urllib.parse import quote

from django.conf import settings

from patchbay.lib.money import to_text
from patchbay.lib.rest import to_rfc3339
from patchbay.products.plugs.api.shapes import ChatAnswer, CitationOut, GuardrailOut, UsageOut
from patchbay.products.plugs.engine.contracts import Citation
from patchbay.products.plugs.engine.pipeline import Answer
from patchbay.products.plugs.queries.conversations import Conversation


def to_citation(citation: Citation, slug: str) -> CitationOut:
    """Return a citation as it is sent; `url` is the page on which the quoted passage is lit."""
    path = f"/plugs/{quote(slug)}/documents/{citation.document_id}"
    place = f"version={citation.document_version}&start={citation.start}&end={citation.end}"
    return CitationOut(
        index=citation.index,
        document_id=citation.document_id,
        document_version=citation.document_version,
        title=citation.title,
        page=citation.page,
        section=citation.section,
        quote=citation.quote,
        start=citation.start,
        end=citation.end,
        verified=True,  # the reader gives out nothing else
        url=f"{settings.BASE_URL}{path}?{place}",
    )


def to_answer(answer: Answer, conversation: Conversation, *, answer_id: str, created_at: datetime) -> ChatAnswer:
    """Return the whole answer object of a call that has ended."""
    verdict, usage, slug = answer.verdict, answer.usage, conversation.plug.slug
    return ChatAnswer(
        id=answer_id,
        session_id=conversation.session_id,
        created_at=to_rfc3339(created_at),
        model=answer.model,
        plug=slug,
        plug_version=conversation.plug.published_number,
        outcome=verdict.outcome,
        answer=verdict.text,
        citations=[to_citation(citation, slug) for citation in verdict.citations],
        support=verdict.support,
        guardrails=[GuardrailOut("unsupported", "withheld", "answer")] if verdict.withheld else [],
        usage=UsageOut(
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
            cached_tokens=usage.cached,
            estimated=usage.estimated,
            credits=to_text(answer.bill.cost_micro),
        ),
    )
