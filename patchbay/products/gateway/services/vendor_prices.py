"""What providers themselves charge: the data bundled with `genai-prices`. Nothing is fetched.

A model with steps by prompt size is taken at its first step; where a provider names no price of its own for a part of
the tokens, the part costs what its whole does.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from patchbay.kernel.plans.contracts import PART_OF, Rate, rate_from_dollars
from patchbay.lib.errors import NotFoundError

_PER = 1_000_000
_MICRO_DOLLARS = 1_000_000
# Each item of the price list and the catalogue's name for it, in dollars for a million tokens.
_NAMES = {
    "prompt_tokens": "input_mtok",
    "cached_tokens": "cache_read_mtok",
    "cache_write_tokens": "cache_write_mtok",
    "cache_write_1h_tokens": "cache_write_1h_mtok",
    "audio_prompt_tokens": "input_audio_mtok",
    "image_tokens": "input_image_mtok",
    "completion_tokens": "output_mtok",
    "reasoning_tokens": "output_reasoning_mtok",
    "audio_completion_tokens": "output_audio_mtok",
}


@dataclass(frozen=True, slots=True)
class VendorPrice:
    """A provider's own price of a model: US dollars for a million tokens, by item of the price list.

    `has_steps`: larger prompts cost more there, which these prices do not show.
    """

    vendor: str
    model: str
    dollars: dict[str, Decimal]
    context_tokens: int | None
    has_steps: bool

    def rates(self, margin_percent: int) -> dict[str, Rate]:
        """Return the rates that sell it at `margin_percent` of its price (120: a fifth more than it costs)."""
        return {item: _rate(dollars, margin_percent) for item, dollars in self.dollars.items()}


def find_vendor_price(model: str, *, vendor: str | None = None) -> VendorPrice:
    """Return the price of a model by the provider's name of it; `vendor` such as "openai" when several have one.

    NotFoundError when the catalogue has no such model, or no price of its tokens.
    """
    from genai_prices import data_snapshot  # a second of importing, for staff who set prices alone

    try:
        found, info = data_snapshot.get_snapshot().find_provider_model(model, None, vendor, None)
    except LookupError:
        raise _unknown(model, vendor) from None
    prices = info.get_prices(datetime.now(UTC))
    listed = {item: getattr(prices, name, None) for item, name in _NAMES.items()}
    if listed["prompt_tokens"] is None:
        raise _unknown(model, vendor)
    dollars = {item: _base(price) for item, price in listed.items() if price is not None}
    dollars.setdefault("completion_tokens", Decimal(0))  # embeddings write nothing
    if "cache_write_tokens" in dollars:  # who writes for minutes and names no price of an hour: Anthropic's terms
        dollars.setdefault("cache_write_1h_tokens", dollars["prompt_tokens"] * 2)
    for part, whole in PART_OF.items():
        dollars.setdefault(part, dollars[whole])
    stepped = any(not isinstance(price, Decimal) for price in listed.values() if price is not None)
    return VendorPrice(found.id, info.id, dollars, info.context_window, stepped)


def _base(price: Any) -> Decimal:
    return Decimal(getattr(price, "base", price))


def _rate(dollars: Decimal, margin_percent: int) -> Rate:
    """Exact for any number of decimal places: what is no whole micro-dollar is priced for more tokens."""
    amount, per = dollars * _MICRO_DOLLARS, _PER
    while amount != amount.to_integral_value():
        amount, per = amount * 10, per * 10
    return rate_from_dollars(int(amount), per=per, margin_percent=margin_percent)


def _unknown(model: str, vendor: str | None) -> NotFoundError:
    of = f" of {vendor[:40]!r}" if vendor else ""
    return NotFoundError(
        f"The price catalogue knows no model {model[:120]!r}{of}.",
        next_step="Name another, or set its prices yourself.",
    )
