"""What a call costs: its usage at a price list, and before it the most that it can cost."""

import msgspec

from patchbay.kernel.plans.contracts import PART_OF, CostLine, PriceList, Quantities
from patchbay.lib.money import ceil_div
from patchbay.products.gateway.wire.contracts import TokenUsage

_PROMPT_ITEMS = ("prompt_tokens", *(part for part, whole in PART_OF.items() if whole == "prompt_tokens"))
_OUTPUT_ITEMS = ("completion_tokens", *(part for part, whole in PART_OF.items() if whole == "completion_tokens"))


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
        audio_prompt_tokens=used.audio_prompt,
        image_tokens=used.image,
        completion_tokens=used.completion,
        reasoning_tokens=used.reasoning,
        audio_completion_tokens=used.audio_completion,
    )


def rarer_counts(usage: TokenUsage) -> dict[str, int]:
    """Return the counts that a usage record keeps apart, without zeros."""
    if not (usage.cache_write or usage.audio_prompt or usage.image or usage.reasoning or usage.audio_completion):
        return {}
    named = {
        "cache_write_tokens": usage.cache_write,
        "audio_prompt_tokens": usage.audio_prompt,
        "image_tokens": usage.image,
        "reasoning_tokens": usage.reasoning,
        "audio_completion_tokens": usage.audio_completion,
    }
    return {name: count for name, count in named.items() if count}


def worst_micro(prices: PriceList, prompt_tokens: int, output_tokens: int) -> int:
    """Return the most that so many tokens cost, of whatever kinds they turn out to be."""
    return _most(prices, _PROMPT_ITEMS, prompt_tokens) + _most(prices, _OUTPUT_ITEMS, output_tokens)


def _most(prices: PriceList, items: tuple[str, ...], quantity: int) -> int:
    if not quantity:
        return 0
    rates = prices.rates
    dearest = max([ceil_div(quantity * rates[item].amount_micro, rates[item].per) for item in items])
    return dearest + len(items) - 1  # each kind is a line that is rounded up on its own
