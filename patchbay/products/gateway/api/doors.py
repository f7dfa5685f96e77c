"""A door to every model in one wire format: who asks, may it, what it costs, and the answer as its client expects it.

key → rate → body → terms → call (hold, route, read) → settle → the final bytes
"""

from dataclasses import dataclass

from patchbay.kernel.keys.contracts import Grant
from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.responses import error_headers, explain, respond
from patchbay.lib.asgi.streams import ByteStream
from patchbay.lib.asgi.types import Headers
from patchbay.lib.errors import AppError, ForbiddenError
from patchbay.lib.money import to_text
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.api.credentials import find_secret
from patchbay.products.gateway.api.visits import WireVisit, status_of
from patchbay.products.gateway.contracts import PLUG_PREFIX, Act, Caller
from patchbay.products.gateway.engine import callers
from patchbay.products.gateway.engine.caching import HEADER, Kept, cache_key, wanted_seconds
from patchbay.products.gateway.engine.calls import Call, Engine
from patchbay.products.gateway.engine.contracts import Ask
from patchbay.products.gateway.engine.idempotency import Retry, fingerprint, read_idempotency_key
from patchbay.products.gateway.engine.limits import Limits
from patchbay.products.gateway.engine.stored import follow_references
from patchbay.products.gateway.engine.terms import Terms, find_terms
from patchbay.products.gateway.engine.unpriced import leave_to_own
from patchbay.products.gateway.wire.contracts import Wire

BODY_LIMIT = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shared:
    """What all doors of a process share."""

    engine: Engine
    pool: BlockingPool
    limits: Limits


@dataclass(frozen=True, slots=True)
class Keeping:
    """That an answer is to be kept in the cache, under which key and for how long."""

    key: str
    seconds: int


class Door:
    """One operation in one format; `passed` names the headers that a provider of the same format gets too."""

    def __init__(self, wire: Wire, shared: Shared, *, operation: str, passed: tuple[bytes, ...] = ()) -> None:
        self.wire = wire
        self._shared = shared
        self._operation = operation
        self._passed = passed
        self._openai = wire.name != "messages"

    async def serve(self, request: Request) -> None:
        """Answer one request; what it raises is rendered by `respond_error`."""
        if not self._openai:
            request.answer_headers.append((b"request-id", request.request_id.encode()))
        with WireVisit(request.request_id, self._operation, wire=self.wire) as visit:
            await self._serve(request, visit)

    async def respond_error(self, request: Request, error: AppError) -> None:
        """Send an error in the format's own shape."""
        await respond_error(request, self.wire, error)

    async def _identify(self, request: Request) -> Caller:
        """Return who asks and pays, having taken one request from their rates."""
        _, caller = await identify(request, self._shared, openai=self._openai)
        return caller

    async def _serve(self, request: Request, visit: WireVisit) -> None:
        shared = self._shared
        caller = visit.caller = await self._identify(request)
        raw = await request.body(BODY_LIMIT)
        head = self.wire.read(raw)
        visit.model = head.model
        require_reachable(caller, head.model)
        if (key := read_idempotency_key(request)) is None:
            act = Act(request.request_id, "gateway", self._operation)
            visit.ask = Ask(caller, act, self.wire, head, raw, pass_on(request, self._passed))
            await self._answer(request, visit, visit.ask, None)
            return
        asked = fingerprint(request, caller, raw)
        async with Retry(shared.engine.meter, shared.pool, caller.organisation_id, key, asked) as retry:
            if retry.response is not None:
                replayed = [(b"idempotency-replayed", b"true")]
                await self._send_kept(request, retry.response, replayed, stream=head.stream)
                return
            act = Act(request.request_id, "gateway", self._operation, claim_id=retry.claim_id)
            visit.ask = Ask(caller, act, self.wire, head, raw, pass_on(request, self._passed))
            await self._answer(request, visit, visit.ask, retry)

    async def _answer(self, request: Request, visit: WireVisit, ask: Ask, retry: Retry | None) -> None:
        terms = visit.find(await find_terms(ask.caller, ask.head.model, self._shared.pool))
        if ask.head.references:
            terms = await follow_references(self._shared.engine, ask, terms, self._shared.pool)
        if ask.head.unpriced:
            terms = leave_to_own(ask, terms)
        seconds = wanted_seconds(request.header(HEADER), terms.alias)
        key = cache_key(ask, terms.alias) if seconds else None
        if key is None:
            await self._call(request, visit, ask, terms, retry, None)
            return
        cache = self._shared.engine.cache
        kept = await cache.find(key)
        if kept is not None:
            visit.cache = "hit"
            await self._hit(request, visit, ask, terms, retry, kept)
            return
        visit.cache = "miss"
        try:
            await self._call(request, visit, ask, terms, retry, Keeping(key, seconds))
        finally:
            cache.leave(key)

    async def _hit(
        self, request: Request, visit: WireVisit, ask: Ask, terms: Terms, retry: Retry | None, kept: Kept
    ) -> None:
        cost = await self._shared.engine.settle_hit(ask, terms, kept)
        if retry:
            retry.settled = True
        visit.answer = kept.body
        headers = [(HEADER, b"hit"), (b"x-patchbay-credits", to_text(cost).encode())]
        await self._send_kept(request, kept.body, headers, stream=ask.head.stream)

    async def _call(
        self, request: Request, visit: WireVisit, ask: Ask, terms: Terms, retry: Retry | None, keeping: Keeping | None
    ) -> None:
        call = visit.call = self._shared.engine.call(ask, terms)
        async with call:
            if ask.head.stream:
                await self._stream(request, visit, call, retry, keeping)
                return
            whole = visit.answer = call.whole
            await call.settle(response=whole if retry else None)
            if retry:
                retry.settled = True
            headers = [*served_by(call), (b"x-patchbay-credits", to_text(call.cost_micro).encode())]
            if keeping:
                headers.append((HEADER, b"miss"))
                await self._shared.engine.cache.put(keeping.key, whole, call.target.provider.name, keeping.seconds)
            await respond(request, 200, whole, headers=headers)

    async def _stream(
        self, request: Request, visit: WireVisit, call: Call, retry: Retry | None, keeping: Keeping | None
    ) -> None:
        stream = ByteStream(request, on_gone=call.client_left)
        kept: list[bytes] | None = [] if retry or keeping or visit.keeps_bodies else None
        headers = served_by(call)
        await stream.start([*headers, (HEADER, b"miss")] if keeping else headers)
        piece = b""
        try:
            async for piece in call.pieces():
                if kept is not None:
                    kept.append(piece)
                await stream.send(piece)
            whole = visit.answer = b"" if kept is None else b"".join([*kept, call.final])
            await call.settle(response=whole if retry else None)
            if retry:
                retry.settled = True
            if keeping and call.is_whole:
                await self._shared.engine.cache.put(keeping.key, whole, call.target.provider.name, keeping.seconds)
            await stream.end(call.final)
        except Exception as error:
            known = explain(request, error)
            visit.fail(known)
            await stream.end(self.wire.error_event(known, request.request_id, piece))
        finally:
            stream.close()
            if stream.gone and visit.error is None:
                visit.leave()

    @staticmethod
    async def _send_kept(request: Request, kept: bytes, headers: Headers, *, stream: bool) -> None:
        """Send an answer that was given before: the same bytes."""
        if not stream:
            await respond(request, 200, kept, headers=headers)
            return
        out = ByteStream(request)
        await out.start(headers)
        await out.end(kept)
        out.close()


async def respond_error(request: Request, wire: Wire, error: AppError) -> None:
    """Send an error as the vendor of this format does."""
    await respond(request, status_of(error), wire.error_body(error, request.request_id), headers=error_headers(error))


async def identify(request: Request, shared: Shared, *, openai: bool) -> tuple[Grant, Caller]:
    """Return whose key the request carries, and take one request from its rates.

    UnauthenticatedError, RateLimitedError, and UnavailableError when the database or the shared state does not answer.
    """
    secret = find_secret(request)
    if (who := callers.find_now(secret)) is not None:
        # Nothing is awaited in between, so that who calls is still true where rates are counted in memory.
        taken = shared.limits.take_now(who[1], openai=openai)
        if taken is not None:
            request.answer_headers.extend(taken)
            return who
    (grant, caller), headers = await shared.limits.identify_and_take(
        lambda: callers.find(secret, shared.pool), lambda who: who[1], openai=openai
    )
    request.answer_headers.extend(headers)
    return grant, caller


def require_reachable(caller: Caller, model: str) -> None:
    """Raise ForbiddenError when a key for one plug asks for another model; which plug it is, the plugs check."""
    if caller.plug_id is not None and not model.startswith(PLUG_PREFIX):
        raise ForbiddenError(
            "This key is for one plug and reaches no other model.",
            next_step="Ask the plug itself (model plug/<slug>), or use a key of the whole organisation.",
        )


def pass_on(request: Request, names: tuple[bytes, ...]) -> Headers:
    """Return the request's headers that a provider of the same format gets too."""
    headers = request.headers
    return [(name, headers[name]) for name in names if name in headers]


def served_by(call: Call) -> Headers:
    """Return the headers that say which target served, after how many tries."""
    target = call.target
    return [
        (b"x-patchbay-provider", target.provider.name.encode()),
        (b"x-patchbay-model", target.model.encode()),
        (b"x-patchbay-tries", b"%d" % len(call.tries)),
    ]
