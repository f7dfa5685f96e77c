"""The gateway's side of money: what a call asks of the ledger, as a port, and the ledger behind it.

The port is narrow so that a call can be tested without a database, and so that only this module knows how the
kernel keeps its books.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from patchbay.kernel.plans.contracts import CostLine, PriceList, Quantities
from patchbay.kernel.usage.contracts import Claim
from patchbay.products.gateway.engine.contracts import Act, Caller, ChatResult, TokenUsage


@dataclass(frozen=True, slots=True)
class Bill:
    """What one call costs: the lines of the price list and their sum in micro-credits; nothing for a test key."""

    usage: TokenUsage
    lines: tuple[CostLine, ...]

    @property
    def cost_micro(self) -> int:
        return sum(line.cost_micro for line in self.lines)


def price(prices: PriceList, usage: TokenUsage, *, free: bool) -> Bill:
    """Price what was used; `free` for a test key."""
    return Bill(usage, () if free else prices.cost(quantities(usage)))


def quantities(usage: TokenUsage) -> Quantities:
    return Quantities(
        prompt_tokens=usage.prompt, cached_tokens=min(usage.cached, usage.prompt), completion_tokens=usage.completion
    )


@dataclass(frozen=True, slots=True)
class Charge:
    """A finished call on its way into the books; `response` is kept for a retry with the same Idempotency-Key."""

    caller: Caller
    act: Act
    result: ChatResult
    bill: Bill
    hold: Any
    latency_ms: int
    outcome: str
    response: bytes | None = None


class Meter(Protocol):
    """Where a call holds and settles.

    `check` raises UnavailableError while nothing can be settled. `hold` returns a token that exactly one of `settle`
    and `release` takes back; it raises InsufficientCreditsError. `settle` returns after the commit.
    """

    def check(self) -> None: ...

    async def hold(self, organisation_id: str, amount_micro: int) -> Any: ...

    def release(self, hold: Any) -> None: ...

    async def settle(self, charge: Charge) -> None: ...

    def claim(self, organisation_id: str, idempotency_key: str, fingerprint: str) -> Claim:
        """Claim a key for one request; the claim of a request that was answered has its response. Blocking, durable.

        ConflictError while the first request is still at work, InvalidError when it had another fingerprint.
        """
        ...

    def abandon(self, claim_id: str) -> None:
        """Give a claim back whose request was not settled. Blocking."""
        ...
