"""One metered call of a model: hold the worst case, find a target that serves it, price what was used, settle.

    async with engine.call(ask, terms) as call:
        async for piece in call.pieces(): …        # of a stream: bytes in the client's format
        await call.settle()                        # before the final bytes leave
        …call.final

Leaving the block without settling releases the hold: whatever failed is free. A client that leaves does not end the
call: whoever reads says `client_left` and goes on, to the provider's own count or to where the organisation's rule
has it cancelled, and settles what was produced.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Self

import msgspec

from patchbay.kernel.ledger.errors import CapReachedError, InsufficientCreditsError
from patchbay.kernel.plans.contracts import Quantities
from patchbay.lib.http import ClosedError, HttpError, HttpTimeoutError
from patchbay.lib.ids import new_id
from patchbay.products.gateway.contracts import Keeper, ModelTarget, ProviderKey
from patchbay.products.gateway.engine import upstream
from patchbay.products.gateway.engine.caching import Kept, ResponseCache
from patchbay.products.gateway.engine.contracts import Ask, Transport, Tries
from patchbay.products.gateway.engine.counts import counted
from patchbay.products.gateway.engine.local import LocalAnswer
from patchbay.products.gateway.engine.metering import Charge, Meter
from patchbay.products.gateway.engine.overruns import NOTHING, Bound, Overruns
from patchbay.products.gateway.engine.pricing import Bill, bill_of
from patchbay.products.gateway.engine.routing.router import Place, Router
from patchbay.products.gateway.engine.stored import StoredAnswers
from patchbay.products.gateway.engine.terms import Terms
from patchbay.products.gateway.engine.upstream import Begun, Whole
from patchbay.products.gateway.errors import ModelBrokenError, ModelTimeoutError
from patchbay.products.gateway.wire.contracts import Asked, TokenUsage
from patchbay.products.gateway.wire.reading import may_ask_for_an_hour, read_body

CALL_SECONDS = 600.0
"""The longest that an answer may take, whoever waits for it."""
LEFT_SECONDS = 30.0
"""How long we go on reading for a client that has left."""
MAX_LEFT = 128
"""For how many clients that left this process reads on at once; the rest are cancelled and billed as produced."""
MAX_STREAM_BYTES = 64 * 1024 * 1024
IMAGE_TOKENS = 40_000
"""The most that a provider counts for one picture, whatever its file's size."""
TOOLS_TOKENS = 2048
"""The most that a provider says of its own to a model with tools."""
DEFAULT_OUTPUT_TOKENS = 16_384
"""The output limit where neither the client nor the model's target has one."""
LEAST_OUTPUT_TOKENS = 64
"""With fewer credits than for so many tokens, a call without a limit of its own is refused."""
_ANSWER_IDS = {"chat": "chatcmpl", "responses": "resp", "messages": "msg"}
_encode = msgspec.json.Encoder().encode


class Detail(msgspec.Struct, omit_defaults=True):
    """What the request log shows of a call besides its record; `tries` only when there were several."""

    target: str
    first_ms: int
    tries: list[Any] = []


class Engine:
    """What calls share in this process."""

    def __init__(
        self,
        *,
        meter: Meter,
        router: Router | None = None,
        cache: ResponseCache | None = None,
        stored: StoredAnswers | None = None,
    ) -> None:
        self.meter = meter
        self.router = router or Router()
        self.cache = cache or ResponseCache()
        self.stored = stored or StoredAnswers()
        self.overruns = Overruns()
        self.left = 0
        self.open = 0

    def call(self, ask: Ask, terms: Terms) -> "Call":
        """Return a call that is not yet under way."""
        return Call(self, ask, terms)

    async def settle_hit(self, ask: Ask, terms: Terms, kept: Kept) -> int:
        """Charge an answer from the cache by the price list, record it, and return what it cost in micro-credits."""
        began = time.monotonic()
        self.meter.check()
        lines = () if ask.caller.is_test else terms.prices.cost(Quantities(cache_hits=1))
        cost = sum(line.cost_micro for line in lines)
        hold = await self.meter.hold(ask.caller, cost) if cost else None
        await self.meter.settle(
            Charge(
                caller=ask.caller,
                act=ask.act,
                model=ask.head.model,
                provider=kept.provider,
                usage=TokenUsage(0, 0),
                lines=lines,
                cost_micro=cost,
                hold=hold,
                latency_ms=round((time.monotonic() - began) * 1000),
                outcome="cached",
                cache_hits=1,
                response=kept.body if ask.act.claim_id else None,
            )
        )
        return cost


class Call:
    """A call under way; made by `Engine.call`."""

    def __init__(self, engine: Engine, ask: Ask, terms: Terms) -> None:
        self.tries: Tries = []
        self.final = b""
        self._engine = engine
        self._ask = ask
        self._terms = terms
        self._hold: Any = None
        self._held_micro = 0
        self._bound = NOTHING
        self._place: Place[Whole | Begun] | None = None
        self._usage: TokenUsage | None = None
        self._bill: Bill | None = None
        self._began = time.monotonic()
        self._first_seconds: float | None = None
        self._left = False
        self._cut = False
        self._cutting: asyncio.TimerHandle | None = None
        self._free = ask.caller.is_test
        self._pays_itself = False
        self._limit: int | None = None
        self._cache_1h = False

    # -- under way ----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _open(self) -> None:
        engine, ask = self._engine, self._ask
        engine.open += 1
        engine.meter.check()
        bound = self._prompt_bound()
        await self._take_hold(bound)
        attempt = self._attempt_stream if ask.head.stream else self._attempt_whole
        self._place = await engine.router.run(self._terms.alias, ask.head, bound, attempt, self.tries)
        self._first_seconds = time.monotonic() - self._began

    def _prompt_bound(self) -> int:
        """A token is at least one byte of the body; pictures and what only the provider holds are bounded apart."""
        head = self._ask.head
        bound = len(self._ask.body)
        if head.tools:
            bound += TOOLS_TOKENS
        if head.images:
            bound += head.images * IMAGE_TOKENS
        if head.opaque or head.refers:
            bound = max(bound, *(target.context_tokens for target in self._terms.alias.targets))
        return bound

    async def _take_hold(self, prompt_bound: int) -> None:
        """Hold the most that the call can cost; a test key and a model that pays for itself hold nothing."""
        head = self._ask.head
        self._pays_itself = self._engine.router.transport(self._terms.alias.targets[0]).pays_itself
        self._free = self._free or self._pays_itself
        self._limit = head.max_output_tokens
        if self._ask.wire.name == "embeddings":
            output = 0
        else:
            if self._limit is None:
                self._limit = max(
                    target.max_output_tokens or DEFAULT_OUTPUT_TOKENS for target in self._terms.alias.targets
                )
            output = self._limit * head.choices
        if self._free:
            return
        self._cache_1h = self._may_be_kept_an_hour()
        try:
            self._hold = await self._hold_for(prompt_bound, output)
        except (InsufficientCreditsError, CapReachedError):
            if not output or head.max_output_tokens is not None:
                raise
            await self._hold_what_is_left(prompt_bound)

    def _may_be_kept_an_hour(self) -> bool:
        """Whether a provider may write the prompt to a cache for an hour: only Anthropic's format can ask for that."""
        for target in self._terms.alias.targets:  # first: to look through the body costs more, the longer it is
            if "messages" in self._engine.router.transport(target).formats:
                return may_ask_for_an_hour(self._ask.body)
        return False

    async def _hold_for(self, prompt_tokens: int, output_tokens: int) -> Any:
        more = self._engine.overruns.most(self._terms.alias.targets)
        amount = self._terms.prices.worst_micro(
            prompt_tokens=prompt_tokens + more.prompt,
            completion_tokens=output_tokens + more.completion,
            cache_1h=self._cache_1h,
        )
        hold = await self._engine.meter.hold(self._ask.caller, amount)
        self._held_micro, self._bound = amount, Bound(prompt_tokens, output_tokens)
        return hold

    async def _hold_what_is_left(self, prompt_bound: int) -> None:
        """Hold for a shorter answer: the client set no limit, so the last credits buy as much as they can."""
        assert self._limit is not None
        while True:
            self._limit //= 4
            if self._limit < LEAST_OUTPUT_TOKENS:
                self._limit = LEAST_OUTPUT_TOKENS
            try:
                self._hold = await self._hold_for(prompt_bound, self._limit * self._ask.head.choices)
            except (InsufficientCreditsError, CapReachedError):
                if self._limit == LEAST_OUTPUT_TOKENS:
                    raise
            else:
                return

    async def _attempt_whole(self, target: ModelTarget, transport: Transport, key: ProviderKey | None) -> Whole:
        outgoing = upstream.write(self._engine, self._ask, target, transport, self._limit)
        answer = await upstream.send(transport, outgoing, key)
        until = self._began + CALL_SECONDS
        return await upstream.read_whole(outgoing, answer, self._ask.body, self._asked, until)

    async def _attempt_stream(self, target: ModelTarget, transport: Transport, key: ProviderKey | None) -> Begun:
        outgoing = upstream.write(self._engine, self._ask, target, transport, self._limit)
        answer = await upstream.send(transport, outgoing, key)
        until = self._began + CALL_SECONDS
        return await upstream.begin_stream(outgoing, answer, self._ask.body, self._asked, until)

    def _asked(self) -> Asked:
        head = self._ask.head
        wire = self._ask.wire.name
        request = read_body(self._ask.body) if wire == "responses" else {}  # an answer there repeats what was asked
        return Asked(head.model, new_id(_ANSWER_IDS.get(wire, "ans")), int(time.time()), head.include_usage, request)

    # -- what it gives ------------------------------------------------------------------------------------------

    @property
    def is_stream(self) -> bool:
        return self._ask.head.stream

    @property
    def is_whole(self) -> bool:
        """Whether a stream was read to its end; one that was cancelled was not."""
        return not self._cut

    @property
    def whole(self) -> bytes:
        """The whole answer in the client's format; only of a call that is no stream."""
        result = self._served.result
        assert isinstance(result, Whole)
        return result.body

    @property
    def first_seconds(self) -> float | None:
        """From the call's beginning to its first bytes; None before them."""
        return self._first_seconds

    @property
    def used(self) -> TokenUsage | None:
        """What was used; None before the answer's end."""
        return self._usage

    @property
    def target(self) -> ModelTarget:
        """Which target serves."""
        return self._served.target

    @property
    def _served(self) -> Place[Whole | Begun]:
        assert self._place is not None, "the call is not under way"
        return self._place

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield whole events as they come; those that end the answer are in `final` afterwards."""
        stream = self._served.result
        assert isinstance(stream, Begun)
        answer, reader = stream.answer, stream.reader
        try:
            if stream.first:
                yield stream.first
            size = 0
            while not reader.ended and not self._cut:
                chunk = await self._next(stream)
                if chunk is None:
                    reader.stop()
                    break
                size += len(chunk)
                if size > MAX_STREAM_BYTES:
                    raise ModelBrokenError("The model's answer has no end; nothing was charged.")
                if piece := reader.feed(chunk):
                    yield piece
            self._finish(stream)
        except (HttpError, ModelBrokenError, ModelTimeoutError) as error:
            known = _explain(error)
            self._served.fail(known.code)
            raise known from error
        finally:
            answer.close()

    async def _next(self, stream: Begun) -> bytes | None:
        if time.monotonic() - self._began > CALL_SECONDS:
            raise ModelTimeoutError("The model took too long; nothing was charged.")
        try:
            return await stream.answer.chunk()
        except ClosedError:
            if self._cut:
                return b""
            raise

    def _finish(self, stream: Begun) -> None:
        reader = stream.reader
        if reader.ended:
            self.final = reader.final()
        elif not self._cut:
            raise ModelBrokenError("The model's answer ended before it was whole; nothing was charged.", retry_after=1)
        self._usage = counted(reader.usage, self._ask.body, reader.produced_bytes)

    def client_left(self) -> None:
        """Say that nobody waits any more: by the organisation's rule, read on for a while or stop here."""
        if self._left or self._place is None:
            return
        self._left = True
        self._engine.left += 1
        if self._pays_itself or self._ask.act.claim_id:
            return  # what it did must be settled, and a retry wants the whole answer, however long that takes
        if self._terms.catalogue.cut_policy == "cancel" or self._engine.left > MAX_LEFT:
            self._cut_off()
        else:
            self._cutting = asyncio.get_running_loop().call_later(LEFT_SECONDS, self._cut_off)

    def _cut_off(self) -> None:
        """End the upstream's stream here; whoever reads it wakes up and bills what came."""
        self._cut = True
        self._served.result.answer.close()

    # -- money --------------------------------------------------------------------------------------------------

    @property
    def usage(self) -> TokenUsage:
        """What was used; of a stream only after its last piece."""
        if self._usage is None:
            result = self._served.result
            if not isinstance(result, Whole):
                raise RuntimeError("The stream has not ended.")
            reading = result.reading
            self._usage = counted(reading.usage, self._ask.body, lambda: reading.produced_bytes)
        return self._usage

    @property
    def bill(self) -> Bill:
        """What the call costs; nothing for a test key."""
        if self._bill is None:
            self._bill = bill_of(self._terms.prices, self.usage, free=self._free)
        return self._bill

    @property
    def cost_micro(self) -> int:
        """What the client is charged, by this call or by a model that pays for itself."""
        answer = self._served.result.answer
        return answer.cost_micro if self._pays_itself and isinstance(answer, LocalAnswer) else self.bill.cost_micro

    async def settle(self, *, outcome: str = "answered", response: bytes | None = None) -> None:
        """Write the usage record and take the cost; returns after the commit."""
        served = self._served
        served.succeed()
        if isinstance(answer := served.result.answer, LocalAnswer):
            await answer.settle(response)
            if self._pays_itself:
                return
        if stored := served.result.stored:
            keeper = Keeper(served.target.provider.id, served.key.id if served.key else "")
            await self._engine.stored.note(self._ask.caller.organisation_id, stored, keeper)
        bill, target = self.bill, served.target
        if bill.cost_micro > self._held_micro:
            self._engine.overruns.note(
                target,
                self.usage,
                self._bound,
                act=self._ask.act,
                caller=self._ask.caller,
                held_micro=self._held_micro,
                cost_micro=bill.cost_micro,
            )
        hold, self._hold = self._hold, None  # from here on the writer owns it
        await self._engine.meter.settle(
            Charge(
                caller=self._ask.caller,
                act=self._ask.act,
                model=self._ask.head.model,
                provider=target.provider.name,
                usage=self.usage,
                lines=bill.lines,
                cost_micro=bill.cost_micro,
                hold=hold,
                latency_ms=round((time.monotonic() - self._began) * 1000),
                outcome="cut" if self._left and outcome == "answered" else outcome,
                tries=len(self.tries),
                detail=self._detail(target),
                response=response,
            )
        )

    def _detail(self, target: ModelTarget) -> str:
        tries = [] if len(self.tries) == 1 else [msgspec.to_builtins(each) for each in self.tries]
        first_ms = round((self._first_seconds or 0.0) * 1000)
        return _encode(Detail(f"{target.provider.name}/{target.model}", first_ms, tries)).decode()

    async def _close(self) -> None:
        """Give back what is held and not settled, and the place at the provider."""
        self._engine.open -= 1
        if self._left:
            self._engine.left -= 1
            self._left = False
        if self._cutting is not None:
            self._cutting.cancel()
        if self._hold is not None:
            hold, self._hold = self._hold, None
            self._engine.meter.release(hold)
        if self._place is not None:
            place, self._place = self._place, None
            place.result.answer.close()
            place.release()
            if isinstance(place.result.answer, LocalAnswer):
                await place.result.answer.abandon()


def _explain(error: HttpError | ModelBrokenError | ModelTimeoutError) -> ModelBrokenError | ModelTimeoutError:
    """Return what it means to the client that a stream broke."""
    if isinstance(error, HttpTimeoutError):
        return ModelTimeoutError("The model fell silent in its answer; nothing was charged.")
    if isinstance(error, HttpError):
        return ModelBrokenError("The model's answer broke off; nothing was charged.", retry_after=1)
    return error
