"""Each plug as a model, `plug/<slug>`: any client of the gateway's formats can ask it, and pays as on `/v1/chat`."""

from typing import Any

from patchbay.lib.errors import FieldError, InvalidError
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.contracts import PLUG_PREFIX, Act
from patchbay.products.gateway.engine.contracts import Delta, Finish, FinishReason, LocalRequest, LocalStream
from patchbay.products.plugs.engine.contracts import Answering, Citation, Question, Turn
from patchbay.products.plugs.engine.pipeline import open_answer
from patchbay.products.plugs.queries.conversations import Conversation, get_conversation
from patchbay.products.plugs.queries.plugs import list_plugs

MESSAGE_LIMIT = 8000
HISTORY = 10


class PlugModel:
    """Fulfils the gateway's `LocalModel`: the same answer as `/v1/chat`, its sources listed below the text."""

    pays_itself = True

    def __init__(self, *, answering: Answering, pool: BlockingPool) -> None:
        self._answering = answering
        self._pool = pool

    async def stream(self, request: LocalRequest) -> LocalStream:
        """Yield verified text, then the sources; NotFoundError for a plug that the caller does not have."""
        caller = request.caller
        earlier, question = _take_apart(request.body.get("messages", ()))
        conversation = await self._pool.run(
            get_conversation,
            caller.organisation_id,
            plug=str(request.body["model"]).removeprefix(PLUG_PREFIX),
            session_id=None,
            only_plug_id=caller.plug_id,
        )
        act = Act(request.act.request_id, "plugs", "chat", plug_id=conversation.plug.id, claim_id=request.act.claim_id)
        opened = open_answer(
            question=_question(caller.organisation_id, conversation, question, earlier),
            caller=caller,
            act=act,
            engine=request.engine,
            answering=self._answering,
            pool=self._pool,
            max_output_tokens=request.max_output_tokens,
        )
        async with opened as answer:
            citations: list[Citation] = []
            async for piece in answer.pieces():
                if isinstance(piece, Delta):
                    yield piece
                else:
                    citations.append(piece)
            if citations:
                text = answer.verdict.text
                yield Delta("\n\nSources:\n" + "\n".join(_source(each, text) for each in citations))
            reason: FinishReason = "length" if answer.is_cut else "stop"
            cost_micro = answer.bill.cost_micro
            yield Finish(reason, answer.usage, lambda response: answer.settle(response=response), cost_micro)

    @staticmethod
    def names(organisation_id: str, plug_id: str | None = None) -> list[str]:
        """Return the models of an organisation's plugs, or the one of `plug_id`. Blocking."""
        plugs = list_plugs(organisation_id)
        found = plugs.filter(id=plug_id) if plug_id else plugs
        return [PLUG_PREFIX + slug for slug in found.values_list("slug", flat=True)]


def _take_apart(messages: Any) -> tuple[list[Turn], str]:
    """Return the earlier turns and the question, the last user's turn.

    System turns are left out: a plug has its persona.
    """
    turns = [
        Turn("user" if message.get("role") == "user" else "assistant", _text(message.get("content")))
        for message in messages
        if message.get("role") in ("user", "assistant")
    ]
    question = turns.pop().content.strip() if turns and turns[-1].role == "user" else ""
    if not question or len(question) > MESSAGE_LIMIT or "\0" in question:
        fault = f"The last message must be the user's question, as text of 1 to {MESSAGE_LIMIT} characters."
        raise InvalidError("There is no question that the plug could answer.", fields=(FieldError("messages", fault),))
    return turns, question


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _question(organisation_id: str, conversation: Conversation, text: str, earlier: list[Turn]) -> Question:
    return Question(
        organisation_id=organisation_id,
        plug_id=conversation.plug.id,
        plug_organisation_id=conversation.plug.organisation_id,
        persona=conversation.persona,
        text=text,
        history=tuple(earlier[-HISTORY:]),
    )


def _source(citation: Citation, text: str) -> str:
    """Return one line of the sources, with the quote unless the answer itself has it."""
    place = f", page {citation.page}" if citation.page is not None else ""
    section = f", {citation.section}" if citation.section and citation.page is None else ""
    quote = " ".join(citation.quote.split())
    quoted = "" if quote in text else f": “{quote}”"
    return f"[{citation.index}] {citation.title}{place}{section}{quoted}"
