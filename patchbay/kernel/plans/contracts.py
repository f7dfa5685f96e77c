"""Plan terms and price lists as frozen values; the arithmetic of a cost is here, pure and in integers.

Amounts are micro-credits (`lib.money`), quantities whole units: tokens, calls, milliseconds, byte-hours.
"""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

import msgspec
from msgspec.structs import astuple

from patchbay.lib.money import ceil_div

CREDITS_PER_DOLLAR = 500
BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What a plan gives. In `limits`, and as `rollover_micro`, None stands for unlimited.

    Prices are in US cents; `yearly_cents` is None where the plan is sold by the month alone, `custom_price` says
    that the price is where talking starts ("from $499").
    """

    code: str
    name: str
    monthly_cents: int
    yearly_cents: int | None
    custom_price: bool
    monthly_credits_micro: int
    rollover_micro: int | None
    requests_per_minute: int
    limits: Mapping[str, int | None]
    features: frozenset[str]


@dataclass(frozen=True, slots=True)
class Assignment:
    """An organisation's plan; its months are counted from `anchor` (UTC)."""

    organisation_id: str
    plan: PlanTerms
    anchor: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """One month of a plan, `start` ≤ t < `end`; `index` counts from 0 at the anchor."""

    index: int
    start: datetime
    end: datetime


def period_at(anchor: datetime, at: datetime) -> Period:
    """Return the month since `anchor` that holds `at`; what is before the anchor belongs to month 0.

    Counted from the anchor each time, so that an anchor on the 31st falls on the 28th in February and on the 31st
    again in March.
    """
    index = max(0, (at.year - anchor.year) * 12 + at.month - anchor.month)
    if index and _months_after(anchor, index) > at:
        index -= 1
    return Period(index, _months_after(anchor, index), _months_after(anchor, index + 1))


def _months_after(anchor: datetime, months: int) -> datetime:
    years, month = divmod(anchor.month - 1 + months, 12)
    year = anchor.year + years
    last_day = calendar.monthrange(year, month + 1)[1]
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, last_day))


class Quantities(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one metered act used, in whole units; a zero costs nothing.

    `prompt_tokens` counts the whole prompt and `completion_tokens` the whole answer, as in the OpenAI wire format; the
    items that `PART_OF` names count parts of them. Of what was written to a provider's cache, `cache_write_1h_tokens`
    are kept there for an hour, `cache_write_tokens` for its usual minutes. `cache_hits` are answers from the gateway's
    own cache. `storage_byte_hours` is bytes × hours kept. A Struct, because one is made for every request.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    audio_prompt_tokens: int = 0
    image_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    audio_completion_tokens: int = 0
    calls: int = 0
    cache_hits: int = 0
    execution_ms: int = 0
    storage_byte_hours: int = 0
    deployments: int = 0

    def __post_init__(self) -> None:
        if min(astuple(self)) < 0:
            raise ValueError("A quantity cannot be negative.")
        written = self.cache_write_tokens + self.cache_write_1h_tokens
        if self.cached_tokens + written + self.audio_prompt_tokens + self.image_tokens > self.prompt_tokens:
            raise ValueError("Cached and other tokens are parts of the prompt tokens and cannot exceed them.")
        if self.reasoning_tokens + self.audio_completion_tokens > self.completion_tokens:
            raise ValueError("Reasoning and audio tokens are parts of the completion tokens and cannot exceed them.")

    def charged(self) -> list[tuple[str, int]]:
        """Return each item that was used with the quantity that is charged for it: no token is charged by two items."""
        units = list(astuple(self))
        for part, whole in _PLACES:
            if units[part]:
                units[whole] -= units[part]
        return [pair for pair in zip(ITEMS, units, strict=True) if pair[1]]


ITEMS = Quantities.__struct_fields__

PART_OF = {
    "cached_tokens": "prompt_tokens",
    "cache_write_tokens": "prompt_tokens",
    "cache_write_1h_tokens": "prompt_tokens",
    "audio_prompt_tokens": "prompt_tokens",
    "image_tokens": "prompt_tokens",
    "reasoning_tokens": "completion_tokens",
    "audio_completion_tokens": "completion_tokens",
}
"""Items that count a part of another item's tokens."""
_PLACES = tuple((ITEMS.index(part), ITEMS.index(whole)) for part, whole in PART_OF.items())
_KINDS_OF = {
    whole: (whole, *(part for part, of in PART_OF.items() if of == whole)) for whole in dict.fromkeys(PART_OF.values())
}

_ASKED_BY_NAME = "cache_write_1h_tokens"
"""No request has this item that does not ask for it, so others need not hold what it costs."""


class Rate(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A price: `amount_micro` micro-credits for each `per` units."""

    amount_micro: int
    per: int

    def cost_micro(self, quantity: int) -> int:
        return ceil_div(quantity * self.amount_micro, self.per)

    def share(self, numerator: int, denominator: int) -> "Rate":
        """Return this share of the rate, exactly; for as many units as before where that is a whole amount."""
        amount, rest = divmod(self.amount_micro * numerator, denominator)
        return Rate(self.amount_micro * numerator, self.per * denominator) if rest else Rate(amount, self.per)


def rate_from_dollars(micro_dollars: int, *, per: int, margin_percent: int) -> Rate:
    """Return the rate for a provider's price of `micro_dollars` (10⁻⁶ US$) for `per` units.

    A margin of 120 percent sells at 1.2 times the provider's price; a dollar is 500 credits. Exact, never rounded.
    """
    return Rate(micro_dollars * CREDITS_PER_DOLLAR * margin_percent, per * 100)


class CostLine(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One line of a cost: `quantity` of `item` at `rate`, rounded up to the micro-credit.

    Written as an array, as its rate is: a settle keeps its lines with its record.
    """

    item: str
    quantity: int
    rate: Rate
    cost_micro: int


@dataclass(frozen=True, slots=True)
class PriceList:
    """The rates in force at one time, for one model where `model` is named; `rates` has every item of `ITEMS`."""

    model: str | None
    effective_from: datetime
    rates: Mapping[str, Rate]
    _dearest: dict[tuple[str, bool], tuple[Rate, int]] = field(init=False, repr=False, compare=False)
    """Of the parts of each whole and what is left of it, without and with what is asked for by name: the rate of the
    dearest, and how many there are."""

    def __post_init__(self) -> None:
        dearest = {}
        for whole, items in _KINDS_OF.items():
            for named in (False, True):
                rates = [self.rates[item] for item in items if named or item != _ASKED_BY_NAME]
                rate = max(rates, key=lambda rate: Fraction(rate.amount_micro, rate.per))
                dearest[whole, named] = rate, len(rates)
        object.__setattr__(self, "_dearest", dearest)

    def cost(self, quantities: Quantities) -> tuple[CostLine, ...]:
        """Return a line for each item that was used, in the order of `ITEMS`."""
        rates = self.rates
        lines = []
        for item, quantity in quantities.charged():
            rate = rates[item]
            lines.append(CostLine(item, quantity, rate, -(-quantity * rate.amount_micro // rate.per)))
        return tuple(lines)

    def total_micro(self, quantities: Quantities) -> int:
        """Return the whole cost: the sum of the rounded lines, so that a bill adds up line by line."""
        return sum(line.cost_micro for line in self.cost(quantities))

    def worst_micro(self, *, prompt_tokens: int, completion_tokens: int, cache_1h: bool = False) -> int:
        """Return the most that so many tokens can cost, of whatever kinds they turn out to be.

        `cache_1h`: the request may have its prompt kept for an hour, which providers do only where they are asked to.
        """
        total = 0
        for whole, quantity in (("prompt_tokens", prompt_tokens), ("completion_tokens", completion_tokens)):
            if quantity:
                rate, kinds = self._dearest[whole, cache_1h]
                total += rate.cost_micro(quantity) + kinds - 1  # each kind is a line that is rounded up on its own
        return total


def estimate_tokens(text: str | bytes) -> int:
    """Estimate tokens that no provider counted: UTF-8 bytes over four, rounded up."""
    size = len(text.encode("utf-8", "surrogatepass")) if isinstance(text, str) else len(text)
    return ceil_div(size, BYTES_PER_TOKEN)
