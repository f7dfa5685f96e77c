"""A plug's answer: retrieve, ask the model through the gateway, give out what is verified, settle.

async with open_answer(…) as answer:
    async for piece in answer.pieces(): …        # Delta and Citation, as the client shall see them
    await answer.settle(response=…)              # then the final bytes may leave
"""

import contextlib
from collections.abc import AsyncGenerator

from django.conf import settings

from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.contracts import OFFLINE_MODEL, Act, Caller
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.engine.asks import ask_chat
from patchbay.products.gateway.engine.calls import Call, Engine
from patchbay.products.gateway.engine.contracts import Delta, TokenUsage
from patchbay.products.gateway.engine.pricing import Bill
from patchbay.products.gateway.engine.terms import find_terms
from patchbay.products.gateway.engine.texts import Texts
from patchbay.products.plugs.engine.contracts import Answering, Citation, Prepared, Question, Verdict


class Answer:
    """An answer under way; made by `open_answer`. `model` is the one that answers, `call` the call to it."""

    def __init__(self, prepared: Prepared, call: Call, model: str) -> None:
        self.model = model
        self._reader = prepared.reader
        self._texts = Texts()
        self.call = call

    async def pieces(self) -> AsyncGenerator[Delta | Citation, None]:
        """Yield verified text and citations as the model writes."""
        async with contextlib.aclosing(self.call.pieces()) as pieces:
            async for events in pieces:
                for text in self._texts.read(events):
                    for piece in self._reader.feed(text):
                        yield piece
        for piece in self._reader.finish():
            yield piece

    def client_left(self) -> None:
        """Say that nobody waits any more; go on reading `pieces` and settle what was produced."""
        self.call.client_left()

    @property
    def is_cut(self) -> bool:
        """Whether the output limit ended it; what was not quoted whole by then is left out."""
        return self._texts.cut

    @property
    def verdict(self) -> Verdict:
        return self._reader.verdict

    @property
    def usage(self) -> TokenUsage:
        return self.call.usage

    @property
    def bill(self) -> Bill:
        return self.call.bill

    async def settle(self, *, response: bytes | None = None) -> None:
        """Charge for the answer and keep `response` for a retry; returns after the commit."""
        await self.call.settle(outcome=self.verdict.outcome, response=response)


@contextlib.asynccontextmanager
async def open_answer(
    *,
    question: Question,
    caller: Caller,
    act: Act,
    engine: Engine,
    answering: Answering,
    pool: BlockingPool,
    max_output_tokens: int | None = None,
) -> AsyncGenerator[Answer, None]:
    """Retrieve for the question, hold the most its answer can cost, and give the answer.

    `max_output_tokens` may lower what the model is allowed to write, not raise it.
    """
    prepared = await pool.run(answering.prepare, question)
    model = OFFLINE_MODEL if caller.is_test else registry.default_model()
    terms = await find_terms(caller, model, pool)
    ask = ask_chat(
        caller,
        act,
        model=model,
        messages=prepared.messages,
        max_output_tokens=min(max_output_tokens or settings.MAX_OUTPUT_TOKENS, settings.MAX_OUTPUT_TOKENS),
        evidence=prepared.evidence,
    )
    async with engine.call(ask, terms) as call:
        yield Answer(prepared, call, model)
