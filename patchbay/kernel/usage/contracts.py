"""What crosses usage's border: the record of one metered act, its settlement, and claims on idempotency keys."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import msgspec

from patchbay.kernel.ledger.contracts import Charge as Charge  # a settlement's outcome
from patchbay.kernel.ledger.leases import LeasedHold
from patchbay.kernel.plans.contracts import CostLine

Environment = Literal["live", "test"]
RARER = (
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "audio_prompt_tokens",
    "image_tokens",
    "reasoning_tokens",
    "audio_completion_tokens",
    "cache_hits",
)
"""Items that most acts have none of: kept in one column, so that a settle is not dearer for them."""


LATENCY_BOUNDS = tuple(sorted({round(2 ** (step / 4)) for step in range(80)}))
"""Bins of latencies in milliseconds, each up to its bound, a fifth wider than the one before; the last has no end."""
SLOT_MINUTES = 10
"""Sums are made of stretches so long: fine enough for a day's picture, few enough for a year's."""


class UsageRecord(msgspec.Struct, frozen=True, gc=False):
    """One metered act. Tokens are counts, `latency_ms` is wall time; `lines` are the cost by the price list.

    `counts` are those of the rarer items of the price list (`RARER`), zeros left out; `detail` is a JSON text of the
    product that made the record, for itself. `model` is the name that was asked for, an alias.

    A Struct, because one is made for every request; the order of its fields is the order of the table's columns.
    """

    request_id: str
    organisation_id: str
    key_id: str = ""
    user_id: str = ""
    product: str = ""
    operation: str = ""
    plug_id: str = ""
    model: str = ""
    provider: str = ""
    environment: Environment = "live"
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: int = 0
    outcome: str = ""
    tries: int = 1
    detail: str = ""
    estimated: bool = False
    counts: dict[str, int] = {}
    lines: tuple[CostLine, ...] = ()
    created_at: datetime = msgspec.field(default_factory=partial(datetime.now, UTC))


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """A finished act on its way into the books: its hold, what it cost, its record.

    Without a hold the cost comes from the lots as far as they go. `claim_id` and `response` complete a claim in the
    same transaction. A record of a test key costs nothing and has no hold. `budget_holds` are on the caps that apply:
    each is spent with the cost, as far as it goes, in the transaction that charges it.
    """

    hold: LeasedHold | None
    cost_micro: int
    record: UsageRecord
    claim_id: str = ""
    response: bytes | None = None
    budget_holds: tuple[LeasedHold, ...] = ()


class Holds(msgspec.Struct, frozen=True, gc=False):
    """What a call holds: credits of its organisation, and as much of each cap that applies."""

    organisation: LeasedHold
    budgets: tuple[LeasedHold, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """An Idempotency-Key taken for one request; `response` is what was answered before, to be sent again."""

    id: str
    response: bytes | None = None

    @property
    def is_replay(self) -> bool:
        return self.response is not None


class UsageSum(msgspec.Struct, gc=False):
    """Records of one organisation for one model in one slot of `SLOT_MINUTES` from `start`, summed up.

    `latencies` counts them by the index of their bin in `LATENCY_BOUNDS`; `counts` are those of `RARER` items.
    """

    organisation_id: str
    start: datetime
    model: str
    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_micro: int = 0
    latencies: dict[int, int] = {}
    counts: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class RecordView:
    """A usage record as an organisation sees it."""

    id: str
    request_id: str
    key_id: str
    user_id: str
    product: str
    operation: str
    plug_id: str
    model: str
    provider: str
    environment: str
    prompt_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    audio_prompt_tokens: int
    image_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    audio_completion_tokens: int
    cache_hits: int
    estimated: bool
    latency_ms: int
    outcome: str
    tries: int
    detail: str
    cost_micro: int
    loss_micro: int
    lines: tuple[CostLine, ...]
    created_at: datetime
