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
        hold, caps = (holds.organisation, holds.budgets) if holds else (None, ())
        record = to_record(charge)
        settlement = Settlement(hold, charge.cost_micro, record, charge.act.claim_id, charge.response, caps)
        await runtime.get_runtime().writer.settle(settlement)

    def claim(self, organisation_id: str, idempotency_key: str, fingerprint: str) -> Claim:
        return usage.claim(organisation_id=organisation_id, idempotency_key=idempotency_key, fingerprint=fingerprint)

    def abandon(self, claim_id: str) -> None:
        usage.abandon(claim_id)


def to_record(charge: Charge) -> UsageRecord:
    """Return the usage record of a charge."""
    caller, act, used = charge.caller, charge.act, charge.usage
    return UsageRecord(  # in the order of its fields: by their names it takes three times as long
        act.request_id,
        caller.organisation_id,
        caller.key_id or "",
        caller.user_id or "",
        act.product,
        act.operation,
        act.plug_id or "",
        charge.model,
        charge.provider,
        caller.environment,
        used.prompt,
        used.cached,
        used.completion,
        charge.latency_ms,
        charge.outcome,
        charge.tries,
        charge.detail,
        used.estimated,
        {"cache_hits": charge.cache_hits} if charge.cache_hits else rarer_counts(used),
        charge.lines,
    )
