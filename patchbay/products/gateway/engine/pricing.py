"""What a call costs: its usage at a price list."""

import msgspec

from patchbay.kernel.plans.contracts import CostLine, PriceList, Quantities
from patchbay.products.gateway.wire.contracts import TokenUsage


class Bill(msgspec.Struct, frozen=True, gc=False):
    """The lines of the price list and their sum in micro-credits; neither for a test key."""

    usage: TokenUsage
    lines: tuple[CostLine, ...]
    cost_micro: int


def bill_of(prices: PriceList, usage: TokenUsage, *, free: bool) -> Bill:
    """Price what was used; `free` for a test key, and for what was paid already."""
    if free:
        return Bill(usage, (), 0)
    lines = prices.cost(quantities(usage))
    return Bill(usage, lines, sum(line.cost_micro for line in lines))


def quantities(usage: TokenUsage) -> Quantities:
    """Return usage as the price list counts it; a provider's unsound count is made sound first."""
    used = usage.sound()
    return Quantities(
        prompt_tokens=used.prompt,
        cached_tokens=used.cached,
        cache_write_tokens=used.cache_write,
        cache_write_1h_tokens=used.cache_write_1h,
        audio_prompt_tokens=used.audio_prompt,
        image_tokens=used.image,
        completion_tokens=used.completion,
        reasoning_tokens=used.reasoning,
        audio_completion_tokens=used.audio_completion,
    )


def rarer_counts(usage: TokenUsage) -> dict[str, int]:
    """Return the counts that a usage record keeps apart, without zeros."""
    prompt_parts = usage.cache_write or usage.cache_write_1h or usage.audio_prompt or usage.image
    if not (prompt_parts or usage.reasoning or usage.audio_completion):
        return {}
    named = {
        "cache_write_tokens": usage.cache_write,
        "cache_write_1h_tokens": usage.cache_write_1h,
        "audio_prompt_tokens": usage.audio_prompt,
        "image_tokens": usage.image,
        "reasoning_tokens": usage.reasoning,
        "audio_completion_tokens": usage.audio_completion,
    }
    return {name: count for name, count in named.items() if count}
