"""How many tokens a call is charged for: its provider's count, and what that leaves out counted by us."""

from collections.abc import Callable

import msgspec

from patchbay.kernel.plans.contracts import BYTES_PER_TOKEN
from patchbay.lib.money import ceil_div
from patchbay.products.gateway.engine.overruns import credible
from patchbay.products.gateway.engine.prompt_size import estimate, prompt_bytes
from patchbay.products.gateway.wire.contracts import TokenUsage


def counted(usage: TokenUsage | None, body: bytes, produced_bytes: Callable[[], int]) -> TokenUsage:
    """Return what an answer of so many bytes to a request with this body used, as its provider says.

    A reported zero is a zero. What no provider counted, all of it or one side, is estimated; a count that can be none
    is no count. `produced_bytes` is asked only then: to measure a stream costs more than all else that is done with it.
    """
    usage = credible(usage)
    if usage is None:
        return estimate(body, produced_bytes())
    if not usage.lacks:
        return usage
    ours = produced_bytes() if usage.lacks == "completion" else prompt_bytes(body)
    whole = max(getattr(usage, usage.lacks), ceil_div(ours, BYTES_PER_TOKEN))
    return msgspec.structs.replace(usage, estimated=True, lacks="", **{usage.lacks: whole})
