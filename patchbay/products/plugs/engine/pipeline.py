"""A plug's answer: retrieve, ask the model through the gateway, give out what is verified, settle.

async with open_answer(…) as answer:
    async for piece in answer.pieces(): …        # Delta and Citation, as the client shall see them
    await answer.settle(response=…)              # then the final bytes may leave
"""

import contextlib
from collections.abc import AsyncGenerator

from django.conf import settings

from patchbay.kernel.plans import queries as plans
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.engine.calls import Call, model_for, open_call
from patchbay.products.gateway.engine.contracts import Act, Caller, ChatRequest, ChatResult, Delta
from patchbay.products.gateway.engine.metering import Bill, Meter
from patchbay.products.plugs.engine.contracts import Answering, Citation, Prepared, Question, Verdict


class Answer:
    """An answer under way; made by `open_answer`."""

    def __init__(self, prepared: Prepared, call: Call) -> None:
        self._reader = prepared.reader
        self._call = call

    async def pieces(self) -> AsyncGenerator[Delta | Citation, None]:
        """Yield verified text and citations as the model writes."""
        async with contextlib.aclosing(self._call.events()) as events:
            async for event in events:
                for piece in self._reader.feed(event.text) if isinstance(event, Delta) else self._reader.finish():
                    yield piece

    def client_left(self) -> None:
        """Say that nobody waits any more; go on reading `pieces` and settle what was produced."""
        self._call.client_left()

    @property
    def verdict(self) -> Verdict:
        return self._reader.verdict

    @property
    def result(self) -> ChatResult:
        return self._call.result

    @property
    def bill(self) -> Bill:
        return self._call.bill

    async def settle(self, *, response: bytes | None = None) -> None:
        """Charge for the answer and keep `response` for a retry; returns after the commit."""
        await self._call.settle(outcome=self.verdict.outcome, response=response)


@contextlib.asynccontextmanager
async def open_answer(
    *, question: Question, caller: Caller, act: Act, meter: Meter, answering: Answering, pool: BlockingPool
) -> AsyncGenerator[Answer, None]:
    """Retrieve for the question, hold the most its answer can cost, and give the answer."""
    prepared = await pool.run(answering.prepare, question)
    model = model_for(caller)
    prices = plans.find_cached_prices(model)
    if prices is None:
        prices = await pool.run(plans.get_prices, model=model)
    request = ChatRequest(
        model=model,
        messages=prepared.messages,
        max_output_tokens=settings.MAX_OUTPUT_TOKENS,
        evidence=prepared.evidence,
    )
    async with open_call(caller=caller, act=act, request=request, meter=meter, prices=prices) as call:
        yield Answer(prepared, call)
