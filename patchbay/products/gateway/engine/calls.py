"""One metered call of a model: hold the worst case, stream, price what was used, settle.

    async with open_call(caller=…, act=…, request=…, meter=…, prices=…) as call:
        async for event in call.events(): …
        await call.settle(outcome="answered")     # before the final bytes leave

Leaving the block without settling releases the hold: whatever failed is free. A client that leaves does not end the
call: whoever reads goes on to the usage event (`client_left` bounds how long) and settles what was produced.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Any

from patchbay.kernel.plans.contracts import PriceList, estimate_tokens
from patchbay.lib.money import ceil_div
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.engine.contracts import (
    Act,
    Caller,
    ChatEvent,
    ChatRequest,
    ChatResult,
    Delta,
    Done,
    Finish,
    Provider,
    ProviderStream,
    TokenUsage,
)
from patchbay.products.gateway.engine.metering import Bill, Charge, Meter, price
from patchbay.products.gateway.errors import ModelBrokenError, ModelTimeoutError

CALL_SECONDS = 300.0
"""The longest that a call may take, whoever waits for it."""
LEFT_SECONDS = 30.0
"""How long we go on reading for a client that has left."""


class Call:
    """A call under way; made by `open_call`."""

    def __init__(
        self, *, caller: Caller, act: Act, request: ChatRequest, provider: Provider, meter: Meter, prices: PriceList
    ) -> None:
        self.request = request
        self._caller = caller
        self._act = act
        self._provider = provider
        self._meter = meter
        self._prices = prices
        self._hold: Any = None
        self._result: ChatResult | None = None
        self._began = time.monotonic()
        self._deadline = asyncio.get_running_loop().time() + CALL_SECONDS
        self._left = False

    async def hold(self) -> None:
        """Hold the most that the call can cost; a test key holds nothing."""
        self._meter.check()
        if self._caller.is_test:
            return
        worst = TokenUsage(self._provider.prompt_bound(self.request), self.request.max_output_tokens)
        amount = price(self._prices, worst, free=False).cost_micro
        self._hold = await self._meter.hold(self._caller.organisation_id, amount)

    async def events(self) -> AsyncGenerator[ChatEvent, None]:
        """Yield the model's deltas, then Done with the whole text and what it used."""
        pieces: list[str] = []
        async with contextlib.aclosing(self._provider.stream(self.request)) as stream:
            while not isinstance(event := await self._next(stream), Finish):
                pieces.append(event.text)
                yield event
        text = "".join(pieces)
        self._result = ChatResult(
            text=text,
            usage=event.usage or self._estimate(text),
            model=self.request.model,
            provider=self._provider.name,
            finish_reason=event.reason,
        )
        yield Done(self._result)

    async def _next(self, stream: ProviderStream) -> Delta | Finish:
        try:
            async with asyncio.timeout_at(self._deadline):
                return await anext(stream)
        except StopAsyncIteration:
            raise ModelBrokenError("The model's answer ended before it was whole; nothing was charged.") from None
        except TimeoutError:
            if self._left:
                return Finish("cut")
            raise ModelTimeoutError("The model took too long; nothing was charged.") from None

    def _estimate(self, text: str) -> TokenUsage:
        prompt = ceil_div(self.request.prompt_bytes(), 4)
        return TokenUsage(prompt, estimate_tokens(text), estimated=True)

    def client_left(self) -> None:
        """Say that nobody waits any more: reading goes on for at most LEFT_SECONDS, then counts what came."""
        if not self._left:
            self._left = True
            self._deadline = min(self._deadline, asyncio.get_running_loop().time() + LEFT_SECONDS)

    @property
    def result(self) -> ChatResult:
        """The whole answer; only after Done."""
        if self._result is None:
            raise RuntimeError("The call has not ended.")
        return self._result

    @property
    def bill(self) -> Bill:
        """What the call costs; only after Done."""
        return price(self._prices, self.result.usage, free=self._caller.is_test)

    async def settle(self, *, outcome: str, response: bytes | None = None) -> None:
        """Write the usage record and take the cost; returns after the commit."""
        charge = Charge(
            caller=self._caller,
            act=self._act,
            result=self.result,
            bill=self.bill,
            hold=self._hold,
            latency_ms=round((time.monotonic() - self._began) * 1000),
            outcome=outcome,
            response=response,
        )
        self._hold = None  # from here on the writer owns it
        await self._meter.settle(charge)

    def release(self) -> None:
        """Give back what is held and not settled."""
        if self._hold is not None:
            hold, self._hold = self._hold, None
            self._meter.release(hold)


@contextlib.asynccontextmanager
async def open_call(
    *, caller: Caller, act: Act, request: ChatRequest, meter: Meter, prices: PriceList
) -> AsyncGenerator[Call, None]:
    """Hold for a call of `request.model` and give it; `prices` is the price list of that model."""
    provider = registry.resolve(request.model)
    call = Call(caller=caller, act=act, request=request, provider=provider, meter=meter, prices=prices)
    await call.hold()
    try:
        yield call
    finally:
        call.release()


def model_for(caller: Caller) -> str:
    """The model that answers a caller who named none: a test key runs on the built-in one."""
    return registry.OFFLINE_MODEL if caller.is_test else registry.default_model()
