"""The kernel's books behind the gateway's meter: leases for holds, the group-commit writer for settles."""

from patchbay.kernel.ledger.leases import LeasedHold
from patchbay.kernel.usage import runtime
from patchbay.kernel.usage import services as usage
from patchbay.kernel.usage.contracts import Claim, Settlement, UsageRecord
from patchbay.products.gateway.engine.metering import Charge


class KernelMeter:
    """Fulfils `metering.Meter` with this process's lease book and writer."""

    def check(self) -> None:
        runtime.get_runtime().book.check()

    async def hold(self, organisation_id: str, amount_micro: int) -> LeasedHold:
        return await runtime.get_runtime().book.hold(organisation_id, amount_micro)

    def release(self, hold: LeasedHold) -> None:
        runtime.get_runtime().book.release(hold)

    async def settle(self, charge: Charge) -> None:
        settlement = Settlement(
            hold=charge.hold,
            cost_micro=charge.bill.cost_micro,
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
    caller, act, result = charge.caller, charge.act, charge.result
    return UsageRecord(
        request_id=act.request_id,
        organisation_id=caller.organisation_id,
        key_id=caller.key_id or "",
        user_id=caller.user_id or "",
        product=act.product,
        operation=act.operation,
        plug_id=act.plug_id or "",
        model=result.model,
        provider=result.provider,
        environment=caller.environment,
        prompt_tokens=result.usage.prompt,
        cached_tokens=result.usage.cached,
        completion_tokens=result.usage.completion,
        estimated=result.usage.estimated,
        latency_ms=charge.latency_ms,
        outcome=charge.outcome,
        lines=charge.bill.lines,
    )
