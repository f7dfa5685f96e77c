"""Plan terms and price lists as frozen values; the arithmetic of a cost is here, pure and in integers.

Amounts are micro-credits (`lib.money`), quantities whole units: tokens, calls, milliseconds, byte-hours.
"""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

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


@dataclass(frozen=True, slots=True)
class Quantities:
    """What one metered act used, in whole units; a zero costs nothing.

    `prompt_tokens` counts the whole prompt, `cached_tokens` the part of it that the provider had cached (as in the
    OpenAI wire format). `storage_byte_hours` is bytes × hours kept.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0
    execution_ms: int = 0
    storage_byte_hours: int = 0
    deployments: int = 0

    def __post_init__(self) -> None:
        if any(getattr(self, field.name) < 0 for field in fields(self)):
            raise ValueError("A quantity cannot be negative.")
        if self.cached_tokens > self.prompt_tokens:
            raise ValueError("Cached tokens are a part of the prompt tokens and cannot exceed them.")

    def charged(self) -> dict[str, int]:
        """Return each item of a price list with the quantity that is charged for it."""
        units: dict[str, int] = {field.name: getattr(self, field.name) for field in fields(self)}
        units["prompt_tokens"] -= self.cached_tokens
        return units


ITEMS = tuple(field.name for field in fields(Quantities))


@dataclass(frozen=True, slots=True)
class Rate:
    """A price: `amount_micro` micro-credits for each `per` units."""

    amount_micro: int
    per: int

    def cost_micro(self, quantity: int) -> int:
        return ceil_div(quantity * self.amount_micro, self.per)


def rate_from_dollars(micro_dollars: int, *, per: int, margin_percent: int) -> Rate:
    """Return the rate for a provider's price of `micro_dollars` (10⁻⁶ US$) for `per` units.

    A margin of 120 percent sells at 1.2 times the provider's price; a dollar is 500 credits. Exact, never rounded.
    """
    return Rate(micro_dollars * CREDITS_PER_DOLLAR * margin_percent, per * 100)


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of a cost: `quantity` of `item` at `rate`, rounded up to the micro-credit."""

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

    def cost(self, quantities: Quantities) -> tuple[CostLine, ...]:
        """Return a line for each item that was used, in the order of `ITEMS`."""
        return tuple(
            CostLine(item, quantity, self.rates[item], self.rates[item].cost_micro(quantity))
            for item, quantity in quantities.charged().items()
            if quantity
        )

    def total_micro(self, quantities: Quantities) -> int:
        """Return the whole cost: the sum of the rounded lines, so that a bill adds up line by line."""
        return sum(line.cost_micro for line in self.cost(quantities))


def estimate_tokens(text: str | bytes) -> int:
    """Estimate tokens that no provider counted: UTF-8 bytes over four, rounded up."""
    size = len(text.encode("utf-8", "surrogatepass")) if isinstance(text, str) else len(text)
    return ceil_div(size, BYTES_PER_TOKEN)
