"""Providers that count more than a call could cost by its own bytes and limit: told to the operator, and held for next.

A provider may put words of its own before a prompt, or miscount. What it counts is charged all the same: from the hold,
then the balance; what neither covers is the platform's loss. So that only the calls under way can cost it, the tokens
that a target counted above the bound are added to every further hold, until it has kept to the bound for an hour.
"""

import time
from collections.abc import Callable, Sequence

import msgspec
import structlog

from patchbay.lib.metrics.instruments import Counter
from patchbay.lib.money import MICRO
from patchbay.products.gateway.contracts import Act, Caller, ModelTarget
from patchbay.products.gateway.engine.request_log import REQUEST_LOG, Overrun
from patchbay.products.gateway.wire.contracts import TokenUsage

REMEMBERED_SECONDS = 3600.0
MAX_TARGETS = 10_000
MOST_TOKENS = 100_000_000
"""No call reads or writes more: a larger number is no count, and the tokens are estimated instead."""
OVERRUNS = Counter(
    "patchbay_gateway_overruns", "Calls whose provider counted more than was held", ("provider", "model")
)
OVERRUN_CREDITS = Counter(
    "patchbay_gateway_overrun_credits", "Credits that calls cost above their holds", ("provider", "model")
)
log = structlog.get_logger(__name__)


class Bound(msgspec.Struct, frozen=True, gc=False):
    """The most tokens that a call can have by its bytes and its limit, or how many more a target counted."""

    prompt: int
    completion: int


NOTHING = Bound(0, 0)


class Overruns:
    """What this process has seen of each target."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[Bound, float]] = {}

    def most(self, targets: Sequence[ModelTarget]) -> Bound:
        """Return how many tokens above a call's bound these targets may count."""
        if not self._seen:
            return NOTHING
        now = self._clock()
        known = [self._seen.get((target.provider.id, target.model)) for target in targets]
        live = [bound for bound, until in filter(None, known) if until > now]
        return Bound(
            max((bound.prompt for bound in live), default=0), max((bound.completion for bound in live), default=0)
        )

    def note(
        self,
        target: ModelTarget,
        usage: TokenUsage,
        bound: Bound,
        *,
        act: Act,
        caller: Caller,
        held_micro: int,
        cost_micro: int,
    ) -> None:
        """Tell of a call that cost more than was held for it, and remember by how much its target exceeds a bound.

        No more is held for than the target's context has room for: one absurd count shall not lock everybody out.
        """
        provider, model = target.provider, target.model
        OVERRUNS.inc(provider.name, model)
        OVERRUN_CREDITS.inc(provider.name, model, by=(cost_micro - held_micro) / MICRO)
        log.warning(
            "provider counted more than was held",
            provider=provider.name,
            model=model,
            request_id=act.request_id,
            held_micro=held_micro,
            cost_micro=cost_micro,
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
        )
        REQUEST_LOG.note_overrun(
            Overrun(act.request_id, caller.organisation_id, provider.name, model, held_micro, cost_micro)
        )
        before = self.most((target,))
        room = target.context_tokens
        more = Bound(
            max(before.prompt, min(usage.prompt - bound.prompt, room)),
            max(before.completion, min(usage.completion - bound.completion, room)),
        )
        if len(self._seen) >= MAX_TARGETS:
            self._seen.pop(next(iter(self._seen)))
        self._seen[provider.id, model] = (more, self._clock() + REMEMBERED_SECONDS)


def credible(usage: TokenUsage | None) -> TokenUsage | None:
    """Return a provider's count, None for one that can be none."""
    if usage is not None and max(usage.prompt, usage.completion) > MOST_TOKENS:
        log.warning("provider's count is no count", prompt_tokens=usage.prompt, completion_tokens=usage.completion)
        return None
    return usage
