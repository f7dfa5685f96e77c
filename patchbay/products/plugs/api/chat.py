"""`POST /v1/chat`: a question to a plug, answered as JSON or as a stream, metered through the gateway's engine.

Our own chat page asks on `POST /plugs/{slug}/chat` with its session cookie; the rest of the way is the same.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import structlog

from patchbay.lib.asgi.events import EventStream
from patchbay.lib.asgi.request import Request, decode_json, json_bytes
from patchbay.lib.asgi.responses import explain, respond
from patchbay.lib.asgi.routing import Route
from patchbay.lib.errors import (
    AppError,
    ConflictError,
    FieldError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
    problem,
)
from patchbay.lib.ids import new_id
from patchbay.lib.json_text import NUL_FAULT
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.contracts import PLUG_DOOR, Act
from patchbay.products.gateway.engine.calls import Engine
from patchbay.products.gateway.engine.contracts import Delta
from patchbay.products.gateway.engine.idempotency import Retry, fingerprint, read_idempotency_key
from patchbay.products.gateway.engine.instance import ENGINE
from patchbay.products.gateway.engine.limits import LIMITS, Limits
from patchbay.products.gateway.engine.visits import Visit
from patchbay.products.plugs.api import visitors
from patchbay.products.plugs.api.answers import to_answer, to_citation
from patchbay.products.plugs.api.shapes import ChatAnswer, ChatBody, DeltaOut
from patchbay.products.plugs.api.visitors import Visitor
from patchbay.products.plugs.engine.answering.prepare import DocumentAnswering
from patchbay.products.plugs.engine.contracts import Answering, Citation, Question, Turn
from patchbay.products.plugs.engine.pipeline import Answer, open_answer
from patchbay.products.plugs.queries.conversations import Conversation, get_conversation
from patchbay.products.plugs.services import sessions

BODY_LIMIT = 64 * 1024
POOL_THREADS = 4
POOL_QUEUE = 256
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Asking:
    """One question on its way; `retry` is its claim on an Idempotency-Key."""

    request: Request
    visitor: Visitor
    body: ChatBody
    asked_at: datetime
    visit: Visit
    retry: Retry | None = None


class ChatDoor:
    """What the chat routes need: the engine, the plugs' answering, a pool for what blocks, and the rates."""

    def __init__(self, *, engine: Engine, answering: Answering, pool: BlockingPool, limits: Limits) -> None:
        self._engine = engine
        self._answering = answering
        self._pool = pool
        self._limits = limits

    async def ask(self, request: Request) -> None:
        """Answer the bearer of an API key."""
        await self._serve(request, lambda: visitors.by_key(request, self._pool))

    async def ask_from_page(self, request: Request) -> None:
        """Answer a signed-in member on our own chat page; the plug is in the path."""
        await self._serve(request, lambda: visitors.by_session(request, self._pool))

    async def _serve(self, request: Request, identify: Callable[[], Awaitable[Visitor]]) -> None:
        """Answer one request, and tell how it went."""
        with Visit(request.request_id, PLUG_DOOR) as visit:
            await self._ask(request, identify, visit)

    async def _ask(self, request: Request, identify: Callable[[], Awaitable[Visitor]], visit: Visit) -> None:
        visitor, headers = await self._limits.identify_and_take(identify, lambda who: who.caller)
        visit.caller = visitor.caller
        request.answer_headers.extend(headers)
        raw, body = await _read_body(request)
        body.plugin_id = request.path_params.get("slug", body.plugin_id)
        asking = Asking(request, visitor, body, datetime.now(UTC), visit)
        if (key := read_idempotency_key(request)) is None:
            await self._answer(asking)
            return
        asked = fingerprint(request, visitor.caller, raw)
        async with Retry(self._engine.meter, self._pool, visitor.caller.organisation_id, key, asked) as retry:
            if retry.response is not None:
                await _replay(asking, retry.response)
                return
            asking.retry = retry
            await self._answer(asking)

    async def _answer(self, asking: Asking) -> None:
        conversation = await self._pool.run(
            get_conversation,
            asking.visitor.caller.organisation_id,
            plug=asking.body.plugin_id,
            session_id=asking.body.session_id,
            only_plug_id=asking.visitor.plug_id,
        )
        opened = open_answer(
            question=_question(asking, conversation),
            caller=asking.visitor.caller,
            act=Act(
                request_id=asking.request.request_id,
                product="plugs",
                operation="chat",
                plug_id=conversation.plug.id,
                claim_id=asking.retry.claim_id if asking.retry else "",
            ),
            engine=self._engine,
            answering=self._answering,
            pool=self._pool,
        )
        async with opened as answer:
            visit = asking.visit
            visit.model = visit.alias = answer.model
            visit.call = answer.call
            if asking.body.stream:
                await self._stream(asking, conversation, answer)
            else:
                async for _ in answer.pieces():
                    pass
                whole = await self._settle(asking, conversation, answer)
                await respond(asking.request, 200, json_bytes(whole))

    async def _stream(self, asking: Asking, conversation: Conversation, answer: Answer) -> None:
        async with EventStream(asking.request) as stream:
            try:
                async for piece in answer.pieces():
                    if not await _send_piece(stream, piece, conversation.plug.slug):
                        answer.client_left()
                        asking.visit.leave()
                await stream.send("done", await self._settle(asking, conversation, answer))
            except Exception as error:
                known = explain(asking.request, error)
                asking.visit.fail(known)
                await stream.send("error", problem(known, request_id=asking.request.request_id))

    async def _settle(self, asking: Asking, conversation: Conversation, answer: Answer) -> ChatAnswer:
        """Pay for the answer, then keep it in its session; after the commit it is owed to the client, come what may."""
        whole = to_answer(answer, conversation, answer_id=new_id("msg"), created_at=datetime.now(UTC))
        await answer.settle(response=json_bytes(whole) if asking.retry else None)
        if asking.retry:
            asking.retry.settled = True
        exchange = sessions.Exchange(
            session_id=conversation.session_id,
            is_new_session=conversation.is_new,
            plug_id=conversation.plug.id,
            question=asking.body.message,
            asked_at=asking.asked_at,
            answer_id=whole.id,
            answer_text=whole.answer,
            answer=msgspec.to_builtins(whole),
        )
        try:
            await self._pool.finish(sessions.record_exchange, actor=asking.visitor.actor, exchange=exchange)
        except Exception:
            log.exception("session not stored", request_id=asking.request.request_id)
        return whole


async def _read_body(request: Request) -> tuple[bytes, ChatBody]:
    request.require_json()
    raw = await request.body(BODY_LIMIT)
    body = decode_json(raw, ChatBody)
    if "\0" in body.message:
        raise InvalidError("The question is not text.", fields=(FieldError("message", NUL_FAULT),))
    if not body.message.strip():
        raise InvalidError("There is no question.", fields=(FieldError("message", "Write a question, as plain text."),))
    return raw, body


def _question(asking: Asking, conversation: Conversation) -> Question:
    return Question(
        organisation_id=asking.visitor.caller.organisation_id,
        plug_id=conversation.plug.id,
        plug_organisation_id=conversation.plug.organisation_id,
        persona=conversation.persona,
        text=asking.body.message.strip(),
        history=tuple(
            Turn("user" if message.role == "user" else "assistant", message.content) for message in conversation.history
        ),
    )


async def _send_piece(stream: EventStream, piece: Delta | Citation, slug: str) -> bool:
    if isinstance(piece, Delta):
        return await stream.send("delta", DeltaOut(piece.text))
    return await stream.send("citation", to_citation(piece, slug))


async def _replay(asking: Asking, stored: bytes) -> None:
    """Send a stored answer again: the same bytes, or the same object as a stream."""
    asking.request.answer_headers.append((b"idempotency-replayed", b"true"))
    if not asking.body.stream:
        await respond(asking.request, 200, stored)
        return
    whole = msgspec.json.decode(stored, type=ChatAnswer)
    async with EventStream(asking.request) as stream:
        await stream.send("delta", DeltaOut(whole.answer))
        for citation in whole.citations:
            await stream.send("citation", citation)
        await stream.send("done", msgspec.Raw(stored))


ERRORS: tuple[type[AppError], ...] = (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)


def make_routes(door: ChatDoor) -> tuple[Route, ...]:
    """Return the chat routes of a door."""
    return (
        Route(
            "POST",
            "/v1/chat",
            door.ask,
            operation_id="chat",
            summary="Ask a plug a question",
            permission="ask",
            tag="chat",
            request=ChatBody,
            response=ChatAnswer,
            streams=True,
            errors=ERRORS,
        ),
        Route(
            "POST",
            "/plugs/{slug}/chat",
            door.ask_from_page,
            operation_id="chat_from_page",
            summary="Ask a plug from its chat page",
            permission="session",
            tag="chat",
            request=ChatBody,
            response=ChatAnswer,
            streams=True,
            errors=ERRORS,
            documented=False,
        ),
    )


ANSWERING = DocumentAnswering()
POOL = BlockingPool("plugs", threads=POOL_THREADS, queue=POOL_QUEUE)
ROUTES = make_routes(ChatDoor(engine=ENGINE, answering=ANSWERING, pool=POOL, limits=LIMITS))
"""The chat routes of this process."""
