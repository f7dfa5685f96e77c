"""`/v1/messages/count_tokens`: how long a prompt is, by the provider's own count where it has one. It costs nothing."""

import time

from patchbay.kernel.plans.contracts import BYTES_PER_TOKEN
from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.responses import respond, respond_json
from patchbay.lib.errors import AppError
from patchbay.lib.money import ceil_div
from patchbay.products.gateway.api.doors import BODY_LIMIT, Shared, identify, pass_on, require_reachable, respond_error
from patchbay.products.gateway.api.visits import WireVisit
from patchbay.products.gateway.contracts import Act, ModelTarget, ProviderKey
from patchbay.products.gateway.engine import upstream
from patchbay.products.gateway.engine.calls import CALL_SECONDS
from patchbay.products.gateway.engine.contracts import Ask, Transport
from patchbay.products.gateway.engine.prompt_size import prompt_bytes
from patchbay.products.gateway.engine.terms import Terms, find_terms
from patchbay.products.gateway.engine.upstream import Whole
from patchbay.products.gateway.wire.contracts import Asked
from patchbay.products.gateway.wire.table import WIRES

WIRE = WIRES["count_tokens"]


class CountDoor:
    """Counts by the provider's own operation; for others, as C6 estimates: UTF-8 bytes over four."""

    def __init__(self, shared: Shared, *, passed: tuple[bytes, ...]) -> None:
        self._shared = shared
        self._passed = passed

    async def serve(self, request: Request) -> None:
        """Answer one request; what it raises is rendered by `respond_error`."""
        request.answer_headers.append((b"request-id", request.request_id.encode()))
        with WireVisit(request.request_id, "count_tokens", wire=WIRE) as visit:
            await self._serve(request, visit)

    async def _serve(self, request: Request, visit: WireVisit) -> None:
        _, caller = await identify(request, self._shared, openai=False)
        visit.caller = caller
        raw = await request.body(BODY_LIMIT)
        head = WIRE.read(raw)
        visit.model = head.model
        require_reachable(caller, head.model)
        terms = visit.find(await find_terms(caller, head.model, self._shared.pool))
        act = Act(request.request_id, "gateway", "count_tokens")
        ask = Ask(caller, act, WIRE, head, raw, pass_on(request, self._passed))
        transport = self._shared.engine.router.transport(terms.alias.targets[0])
        if "count_tokens" in transport.formats:
            return await respond(request, 200, await self._count(ask, terms))
        return await respond_json(request, {"input_tokens": ceil_div(prompt_bytes(raw), BYTES_PER_TOKEN)})

    async def respond_error(self, request: Request, error: AppError) -> None:
        """Send an error in Anthropic's shape."""
        await respond_error(request, WIRE, error)

    async def _count(self, ask: Ask, terms: Terms) -> bytes:
        engine = self._shared.engine

        async def attempt(target: ModelTarget, transport: Transport, key: ProviderKey | None) -> Whole:
            outgoing = upstream.write(engine, ask, target, transport, None)
            answer = await upstream.send(transport, outgoing, key)
            until = time.monotonic() + CALL_SECONDS
            return await upstream.read_whole(outgoing, answer, ask.body, lambda: Asked(ask.head.model, "", 0), until)

        place = await engine.router.run(terms.alias, ask.head, len(ask.body), attempt, [])
        place.succeed()
        place.release()
        return place.result.body
