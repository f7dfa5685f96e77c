"""What crosses the ledger's border, and the names of its accounts.

An entry moves `amount_micro` from `debit_account` to `credit_account`; each organisation's accounts are its lots,
leases and holds (named by their ids) and the four below, the platform's are `issued` and `platform_loss`. What is said
of an organisation holds for each month of a budget too (`engine.caps`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

ISSUED = "issued"  # where every credit comes from; its balance is minus the sum of all others
SPENT = "spent"
EXPIRED = "expired"
OWED = "owed"  # negative while an organisation owes what a clawback could not take
PLATFORM_LOSS = "platform_loss"  # cost above a hold that no balance covered

GrantKind = Literal["allowance", "rollover", "purchase", "promo", "adjustment"]
EntryKind = Literal["grant", "lease", "hold", "return", "spend", "expire", "clawback", "repay", "loss"]

# Lower is drawn first: what an organisation would lose soonest goes before what it paid for.
BudgetScope = Literal["key", "organisation"]

PRIORITIES: dict[GrantKind, int] = {"allowance": 10, "rollover": 20, "promo": 30, "purchase": 40, "adjustment": 40}


CAP_PREFIX = "cap_"


def cap_account(budget_id: str, at: datetime) -> str:
    """Return a budget's account of the month that holds `at`: the budget's own 32 digits, the year and the month."""
    return f"{CAP_PREFIX}{budget_id[-32:]}{at.astimezone(UTC):%y%m}"


def is_cap_account(name: str) -> bool:
    """Whether a name that stands where an organisation's id does is a budget's account."""
    return name.startswith(CAP_PREFIX)


def month_start(at: datetime) -> datetime:
    """Return when the calendar month that holds `at` begins, UTC."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_end(at: datetime) -> datetime:
    """Return when the calendar month that holds `at` ends, UTC."""
    return month_start(month_start(at) + timedelta(days=31))


@dataclass(frozen=True, slots=True)
class Balance:
    """`available` is everything unspent, leased to a process or not; `held` is what durable holds keep apart."""

    available_micro: int
    held_micro: int


@dataclass(frozen=True, slots=True)
class LotView:
    """A grant and what is left of it outside leases and holds."""

    id: str
    kind: str
    priority: int
    amount_micro: int
    balance_micro: int
    expires_at: datetime | None
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EntryView:
    """One line of the history an organisation sees: positive amounts came in, negative ones went out."""

    id: str
    kind: str
    amount_micro: int
    request_id: str
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class HoldView:
    """A durable hold: `balance_micro` is what it still keeps apart."""

    id: str
    organisation_id: str
    amount_micro: int
    balance_micro: int
    state: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Cap:
    """What a budget allows in one month, which ends at `renews_at` (UTC)."""

    scope: str
    cap_micro: int
    renews_at: datetime


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A cap on a key or an organisation; `left_micro` of it may still be spent in the month that ends at `renews_at`.

    What running requests hold counts as left.
    """

    id: str
    scope: BudgetScope
    scope_id: str
    cap_micro: int
    spent_micro: int
    left_micro: int
    renews_at: datetime


class Charge(msgspec.Struct, frozen=True, gc=False):
    """What a settle took: `charged_micro` from the organisation, `loss_micro` (not covered) from the platform.

    A Struct, as everything that is made for each request: a frozen dataclass takes five times as long to make. Nothing
    it holds leads back to it, so that the garbage collector need not look at it.
    """

    charged_micro: int
    loss_micro: int


@dataclass(frozen=True, slots=True)
class Want:
    """A process asks for credits of one organisation: the holds that wait, oldest first.

    `have_micro` is what its lease has free for them, `reserve_micro` what it would like beyond them.
    """

    organisation_id: str
    needs: tuple[int, ...]
    have_micro: int = 0
    reserve_micro: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to a Want: what was added to the lease, and how long it may be used.

    `short` says that not every need was covered; `scarce` that the lease must keep nothing in reserve;
    `others` are the leases of other processes that may still have credit to return, and `leased_micro` what all
    leases have, for calls under way or free, both only when it is short. `cap` is of a budget's account.
    """

    organisation_id: str
    lease_id: str
    amount_micro: int
    free_micro: int
    short: bool
    scarce: bool
    usable_seconds: float | None
    others: tuple[str, ...]
    leased_micro: int = 0
    cap: Cap | None = None

    @property
    def unspent_micro(self) -> int:
        """Return what nobody has spent yet, in lots and leases."""
        return self.free_micro + self.leased_micro


class SettleItem(msgspec.Struct, frozen=True, gc=False):
    """One spend for the batch: `amount_micro` leaves the lease for `spent` under the key `request_id`.

    `excess_micro` is cost above the hold that the lease could not cover: lots pay it as far as they go.
    """

    organisation_id: str
    lease_id: str
    amount_micro: int
    request_id: str
    excess_micro: int = 0
