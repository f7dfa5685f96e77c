"""A door to every model in one wire format: who asks, may it, what it costs, and the answer as its client expects it.

key → rate → body → terms → call (hold, route, read) → settle → the final bytes
"""

import hashlib
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
from patchbay.products.gateway.contracts import PLUG_PREFIX, Act, Caller
from patchbay.products.gateway.engine import callers
from patchbay.products.gateway.engine.calls import Call, Engine
from patchbay.products.gateway.engine.contracts import Ask
from patchbay.products.gateway.engine.idempotency import Retry, read_idempotency_key
from patchbay.products.gateway.engine.limits import Limits
from patchbay.products.gateway.engine.terms import find_terms
from patchbay.products.gateway.wire.contracts import Wire

BODY_LIMIT = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shared:
    """What all doors of a process share."""

    engine: Engine
    pool: BlockingPool
    limits: Limits


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
        shared = self._shared
        if not self._openai:
            request.answer_headers.append((b"request-id", request.request_id.encode()))
        grant, caller = await identify(request, shared, openai=self._openai)
        raw = await request.body(BODY_LIMIT)
        head = self.wire.read(raw)
        require_reachable(grant, head.model)
        if (key := read_idempotency_key(request)) is None:
            act = Act(request.request_id, "gateway", self._operation)
            await self._answer(request, Ask(caller, act, self.wire, head, raw, pass_on(request, self._passed)), None)
            return
        fingerprint = hashlib.sha256(request.path.encode() + b"\0" + raw).hexdigest()
        async with Retry(shared.engine.meter, shared.pool, caller.organisation_id, key, fingerprint) as retry:
            if retry.response is not None:
                await self._replay(request, retry.response, stream=head.stream)
                return
            act = Act(request.request_id, "gateway", self._operation, claim_id=retry.claim_id)
            await self._answer(request, Ask(caller, act, self.wire, head, raw, pass_on(request, self._passed)), retry)

    async def respond_error(self, request: Request, error: AppError) -> None:
        """Send an error in the format's own shape."""
        body = self.wire.error_body(error, request.request_id)
        await respond(request, error.status, body, headers=error_headers(error))

    async def _answer(self, request: Request, ask: Ask, retry: Retry | None) -> None:
        terms = await find_terms(ask.caller, ask.head.model, self._shared.pool)
        async with self._shared.engine.call(ask, terms) as call:
            if ask.head.stream:
                await self._stream(request, call, retry)
                return
            whole = call.whole
            await call.settle(response=whole if retry else None)
            if retry:
                retry.settled = True
            headers = [*served_by(call), (b"x-patchbay-credits", to_text(call.bill.cost_micro).encode())]
            await respond(request, 200, whole, headers=headers)

    async def _stream(self, request: Request, call: Call, retry: Retry | None) -> None:
        stream = ByteStream(request)
        kept: list[bytes] | None = [] if retry else None
        await stream.start(served_by(call))
        try:
            async for piece in call.pieces():
                if kept is not None:
                    kept.append(piece)
                if not await stream.send(piece):
                    call.client_left()
            await call.settle(response=None if kept is None else b"".join([*kept, call.final]))
            if retry:
                retry.settled = True
            await stream.end(call.final)
        except Exception as error:
            known = explain(request, error)
            await stream.end(self.wire.error_event(known, request.request_id))
        finally:
            stream.close()

    async def _replay(self, request: Request, stored: bytes, *, stream: bool) -> None:
        """Send a stored answer again: the same bytes."""
        replayed = [(b"idempotency-replayed", b"true")]
        if not stream:
            await respond(request, 200, stored, headers=replayed)
            return
        out = ByteStream(request)
        await out.start(replayed)
        await out.end(stored)
        out.close()


async def identify(request: Request, shared: Shared, *, openai: bool) -> tuple[Grant, Caller]:
    """Return whose key the request carries, and take one request from its rates.

    UnauthenticatedError, RateLimitedError, and UnavailableError when the database or the shared state does not answer.
    """
    secret = find_secret(request)
    (grant, caller), headers = await shared.limits.identify_and_take(
        lambda: callers.find(secret, shared.pool), lambda who: who[1], openai=openai
    )
    request.answer_headers.extend(headers)
    return grant, caller


def require_reachable(grant: Grant, model: str) -> None:
    """Raise ForbiddenError when a key for one plug asks for another model; which plug it is, the plugs check."""
    if grant.plug_id is not None and not model.startswith(PLUG_PREFIX):
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
