"""The gateway's side of money: what a call asks of the ledger, as a port, and how usage becomes a bill.

The port is narrow so that a call can be tested without a database, and so that only `books` knows how the kernel
keeps its books.
"""

from typing import Any, Protocol

import msgspec

from patchbay.kernel.plans.contracts import CostLine
from patchbay.kernel.usage.contracts import Claim
from patchbay.products.gateway.contracts import Act, Caller
from patchbay.products.gateway.wire.contracts import TokenUsage


class Charge(msgspec.Struct, frozen=True, gc=False):
    """A finished call on its way into the books; `response` is kept for a retry with the same Idempotency-Key.

    `model` is the name that the client asked for, `provider` who served it; `detail` is the JSON of its tries and
    timings. `cost_micro` is the sum of `lines`.
    """

    caller: Caller
    act: Act
    model: str
    provider: str
    usage: TokenUsage
    lines: tuple[CostLine, ...]
    cost_micro: int
    hold: Any
    latency_ms: int
    outcome: str
    tries: int = 1
    detail: str = ""
    response: bytes | None = None
    cache_hits: int = 0


class Meter(Protocol):
    """Where a call holds and settles.

    `check` raises UnavailableError while nothing can be settled. `hold` returns a token that exactly one of `settle`
    and `release` takes back; it raises InsufficientCreditsError, also for a cap of the caller. `settle` returns after
    the commit.
    """

    def check(self) -> None: ...

    async def hold(self, caller: Caller, amount_micro: int) -> Any: ...

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
