"""A ledger in memory: one balance, holds taken from it, charges settled against them."""

import asyncio
import itertools

from patchbay.kernel.ledger.errors import insufficient
from patchbay.kernel.usage.contracts import Claim
from patchbay.lib.errors import ConflictError, InvalidError, UnavailableError
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine.metering import Charge


class FakeMeter:
    """Fulfils `engine.metering.Meter`; `balance` is what is free now."""

    def __init__(self, balance_micro: int = 10**12) -> None:
        self.balance = balance_micro
        self.held: dict[int, int] = {}
        self.charges: list[Charge] = []
        self.claims: dict[str, str] = {}
        self.settled = asyncio.Event()
        self.healthy = True
        self.amounts: list[int] = []
        self.settle_error: Exception | None = None
        self._names = itertools.count(1)

    def check(self) -> None:
        if not self.healthy:
            raise UnavailableError

    async def hold(self, caller: Caller, amount_micro: int) -> int:
        self.amounts.append(amount_micro)
        if amount_micro > self.balance:
            raise insufficient(amount_micro, self.balance)
        self.balance -= amount_micro
        name = next(self._names)
        self.held[name] = amount_micro
        return name

    def release(self, hold: int) -> None:
        self.balance += self.held.pop(hold)

    async def settle(self, charge: Charge) -> None:
        if charge.hold is not None:
            self.release(charge.hold)
        if self.settle_error:
            raise self.settle_error
        self.balance -= charge.cost_micro
        self.charges.append(charge)
        self.settled.set()

    def claim(self, organisation_id: str, idempotency_key: str, fingerprint: str) -> Claim:
        claim_id = f"{organisation_id} {idempotency_key}"
        if claim_id not in self.claims:
            self.claims[claim_id] = fingerprint
            return Claim(claim_id)
        if self.claims[claim_id] != fingerprint:
            raise InvalidError
        for charge in self.charges:
            if charge.act.claim_id == claim_id:
                return Claim(claim_id, charge.response)
        raise ConflictError(retry_after=1)

    def abandon(self, claim_id: str) -> None:
        del self.claims[claim_id]
