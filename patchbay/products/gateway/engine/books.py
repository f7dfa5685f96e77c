"""The kernel's books behind the gateway's meter: leases for holds, the group-commit writer for settles."""

from patchbay.kernel.usage import runtime
from patchbay.kernel.usage import services as usage
from patchbay.kernel.usage.contracts import Claim, Holds, Settlement, UsageRecord
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine.metering import Charge
from patchbay.products.gateway.engine.pricing import rarer_counts


class KernelMeter:
    """Fulfils `metering.Meter` with this process's lease book and writer."""

    def check(self) -> None:
        runtime.get_runtime().book.check()

    async def hold(self, caller: Caller, amount_micro: int) -> Holds:
        return await usage.hold_all(caller.organisation_id, caller.budgets, amount_micro)

    def release(self, hold: Holds) -> None:
        usage.release(hold)

    async def settle(self, charge: Charge) -> None:
        holds: Holds | None = charge.hold
        settlement = Settlement(
            hold=holds.organisation if holds else None,
            budget_holds=holds.budgets if holds else (),
            cost_micro=charge.cost_micro,
            record=to_record(charge),
            claim_id=charge.act.claim_id,
            response=charge.response,
        )
        await runtime.get_runtime().writer.settle(settlement)

    def claim(self, organisation_id: str, idempotency_key: str, fingerprint: str) -> Claim:
        return usage.claim(organisation_id=organisation_id, idempotency_key=idempotency_key, fingerprint=fingerprint)

    def abandon(self, claim_id: str) -> None:
        usage.abandon(claim_id)


def to_record(charge: Charge) -> UsageRecord:
    """Return the usage record of a charge."""
    caller, act, used = charge.caller, charge.act, charge.usage
    return UsageRecord(
        request_id=act.request_id,
        organisation_id=caller.organisation_id,
        key_id=caller.key_id or "",
        user_id=caller.user_id or "",
        product=act.product,
        operation=act.operation,
        plug_id=act.plug_id or "",
        model=charge.model,
        provider=charge.provider,
        environment=caller.environment,
        prompt_tokens=used.prompt,
        cached_tokens=used.cached,
        completion_tokens=used.completion,
        estimated=used.estimated,
        latency_ms=charge.latency_ms,
        outcome=charge.outcome,
        tries=charge.tries,
        detail=charge.detail,
        counts={"cache_hits": charge.cache_hits} if charge.cache_hits else rarer_counts(used),
        lines=charge.lines,
    )
