"""Reading the ledger: balances, lots, history, and the proof that balances equal their entries."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, QuerySet, Sum
from django.utils import timezone

from patchbay.kernel.ledger.contracts import (
    EXPIRED,
    ISSUED,
    OWED,
    PLATFORM_LOSS,
    SPENT,
    Balance,
    BudgetScope,
    BudgetView,
    EntryView,
    HoldView,
    LotView,
    cap_account,
    month_end,
)
from patchbay.kernel.ledger.models import Budget, CreditAccount, HistoryEntry, Hold, Lease, Lot
from patchbay.lib.errors import NotFoundError
from patchbay.lib.money import to_text
from patchbay.lib.paging import DEFAULT_LIMIT, Page, page_of

CSV_BLOCK = 1_000
# Movements between an organisation's own pockets are not history to it.
VISIBLE = ("grant", "spend", "expire", "clawback", "repay")

_BALANCE = """
SELECT
  (SELECT COALESCE(SUM(balance_micro), 0) FROM ledger_lot
    WHERE organisation_id = %s AND balance_micro > 0 AND (expires_at IS NULL OR expires_at > %s)),
  (SELECT COALESCE(SUM(balance_micro), 0) FROM ledger_lease WHERE organisation_id = %s AND balance_micro > 0),
  (SELECT COALESCE(SUM(balance_micro), 0) FROM ledger_hold WHERE organisation_id = %s AND state = 'open')
"""

# One statement sees one state, whatever transaction it runs in and whatever leases move meanwhile.
_BOOKS = """
SELECT 'entry', organisation_id, kind, debit_account, credit_account, SUM(amount_micro)
  FROM ledger_entry_history {where}
  GROUP BY organisation_id, kind, debit_account, credit_account
UNION ALL SELECT 'account', organisation_id, id, '', '', balance_micro FROM ledger_lot {where}
UNION ALL SELECT 'account', organisation_id, id, '', '', balance_micro FROM ledger_lease {where}
UNION ALL SELECT 'account', organisation_id, id, '', '', balance_micro FROM ledger_hold {where}
UNION ALL SELECT 'owed', organisation_id, '', '', '', owed_micro FROM ledger_creditaccount {where}
UNION ALL SELECT 'draw', organisation_id, holder_id, '', '', SUM(draw.amount_micro)
  FROM ledger_draw AS draw JOIN ledger_lot AS lot ON lot.id = draw.lot_id {where} GROUP BY organisation_id, holder_id
"""


@contextmanager
def snapshot() -> Iterator[None]:
    """Have the reads inside see one state of the database, without holding up writers.

    Inside a transaction that is open already, its own isolation holds.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")  # deferred: `atomic` would take SQLite's write lock
            try:
                yield
            finally:
                cursor.execute("COMMIT")


def get_balance(organisation_id: str) -> Balance:
    """Return the balance; an organisation that never had credits has zero."""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:  # one statement, so that credit on its way to a lease is seen once
        cursor.execute(_BALANCE, [organisation_id, now, organisation_id, organisation_id])
        unleased, leased, held = cursor.fetchone()
    return Balance(int(unleased + leased), int(held))


def list_lots(organisation_id: str) -> list[LotView]:
    """Return the grants that still have something outside leases and holds, in the order they are drawn."""
    rows = Lot.objects.filter(organisation_id=organisation_id, balance_micro__gt=0)
    ordered = rows.order_by("priority", F("expires_at").asc(nulls_last=True), "id")
    return [
        LotView(
            row.id,
            row.kind,
            row.priority,
            row.amount_micro,
            row.balance_micro,
            row.expires_at,
            row.reason,
            row.created_at,
        )
        for row in ordered
    ]


def list_entries(
    organisation_id: str,
    *,
    kind: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[EntryView]:
    """Return the history, newest first: grants, spends, expiries, clawbacks; `since` ≤ time < `until`."""
    rows = filter_entries(organisation_id, kind=kind, since=since, until=until)
    page = page_of(rows, limit=limit, cursor=cursor, key="idempotency_key")
    return Page([_entry_view(row) for row in page.data], page.next_cursor)


def iterate_csv(
    organisation_id: str, *, kind: str | None = None, since: datetime | None = None, until: datetime | None = None
) -> Iterator[str]:
    """Yield the whole history as CSV, newest first, in blocks of lines: each is one query, none is kept.

    A text that a spreadsheet would run as a formula gets an apostrophe.
    """
    yield _csv([("id", "created_at", "kind", "credits", "request_id", "reason")])
    rows = filter_entries(organisation_id, kind=kind, since=since, until=until).order_by("-idempotency_key")
    block = list(rows[:CSV_BLOCK])
    while block:
        yield _csv([_csv_row(_entry_view(row)) for row in block])
        block = list(rows.filter(idempotency_key__lt=block[-1].idempotency_key)[:CSV_BLOCK])


def _csv_row(entry: EntryView) -> tuple[str, ...]:
    reason = f"'{entry.reason}" if entry.reason[:1] in ("=", "+", "-", "@", "\t", "\r") else entry.reason
    created_at = entry.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return (entry.id, created_at, entry.kind, to_text(entry.amount_micro), entry.request_id, reason)


def _csv(rows: Iterable[tuple[str, ...]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def filter_entries(
    organisation_id: str, *, kind: str | None, since: datetime | None, until: datetime | None
) -> QuerySet[HistoryEntry]:
    rows = HistoryEntry.objects.filter(organisation_id=organisation_id, kind__in=[kind] if kind else VISIBLE)
    if since:
        rows = rows.filter(created_at__gte=since)
    if until:
        rows = rows.filter(created_at__lt=until)
    return rows


def get_hold(organisation_id: str, hold_id: str) -> HoldView:
    """Return a durable hold; NotFoundError for another organisation's."""
    row = Hold.objects.filter(organisation_id=organisation_id, id=hold_id).first()
    if row is None:
        raise NotFoundError("There is no such hold.")
    return hold_view(row)


def hold_view(row: Hold) -> HoldView:
    return HoldView(row.id, row.organisation_id, row.amount_micro, row.balance_micro, row.state, row.expires_at)


@snapshot()
def list_budgets(organisation_id: str) -> list[BudgetView]:
    """Return the caps in force on an organisation and its keys, as they stand this month."""
    rows = list(Budget.objects.filter(organisation_id=organisation_id, cap_micro__isnull=False).order_by("id"))
    now = timezone.now()
    accounts = {cap_account(row.id, now): row for row in rows}
    lots, leases = (
        dict(
            model.objects.filter(organisation_id__in=accounts)
            .values_list("organisation_id")
            .annotate(total=Sum("balance_micro"))
        )
        for model in (Lot, Lease)
    )
    owed = dict(CreditAccount.objects.filter(organisation_id__in=accounts).values_list("organisation_id", "owed_micro"))
    found = []
    for account, row in accounts.items():
        cap = row.cap_micro or 0
        left = lots[account] + leases.get(account, 0) if account in lots else cap
        spent = cap - left + owed.get(account, 0)
        scope: BudgetScope = "key" if row.scope == "key" else "organisation"
        found.append(BudgetView(row.id, scope, row.scope_id, cap, spent, left, month_end(now)))
    return found


def list_caps(organisation_id: str, *, key_id: str = "") -> tuple[str, ...]:
    """Return the ids of the budgets that apply to a request, the narrowest first: the key's, the organisation's."""
    return list_caps_of_keys({key_id: organisation_id})[key_id]


def list_caps_of_keys(organisation_of: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return for each key, given with its organisation, what `list_caps` returns; one query for all."""
    organisations = set(organisation_of.values())
    rows = Budget.objects.filter(organisation_id__in=organisations, cap_micro__isnull=False)
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows.filter(scope_id__in={*organisations, *organisation_of}).order_by("scope"):
        found[row.organisation_id].append((row.scope_id, row.id))
    return {
        key_id: tuple(
            budget_id for scope_id, budget_id in found[organisation_id] if scope_id in (key_id, organisation_id)
        )
        for key_id, organisation_id in organisation_of.items()
    }


def spent_by_budgets(organisation_id: str) -> list[tuple[str, str, int]]:
    """Return (account, request id, micro-credits) for what each request was counted with in each of its budgets."""
    rows = HistoryEntry.objects.filter(organisation_id__in=_cap_accounts(organisation_id), credit_account=SPENT)
    return list(rows.values_list("organisation_id", "request_id").annotate(total=Sum("amount_micro")))


def spent_by_request(organisation_id: str) -> dict[str, int]:
    """Return what each request was charged, in micro-credits."""
    rows = HistoryEntry.objects.filter(organisation_id=organisation_id, credit_account=SPENT)
    return dict(rows.values_list("request_id").annotate(total=Sum("amount_micro")))


def total_granted(organisation_id: str) -> int:
    """Return the sum of all grants, spent or not."""
    rows = HistoryEntry.objects.filter(organisation_id=organisation_id, kind="grant")
    return rows.aggregate(total=Sum("amount_micro"))["total"] or 0


def total_leased(organisation_id: str) -> int:
    """Return what processes have in their leases."""
    return _sum(Lease.objects.filter(organisation_id=organisation_id))


def verify(organisation_id: str | None = None) -> list[str]:
    """Recompute every stored balance from the entries; return each fault, so that an empty list means sound.

    True at one moment, on a live server too. What an organisation's budgets store is part of it.
    """
    with connection.cursor() as cursor:
        names = [organisation_id, *_cap_accounts(organisation_id)] if organisation_id else []
        where = f"WHERE organisation_id IN ({', '.join(['%s'] * len(names))})" if names else ""
        cursor.execute(_BOOKS.format(where=where), names * _BOOKS.count("{where}"))
        books = cursor.fetchall()
    sums: _Sums = defaultdict(int)  # of entries, by (organisation, account)
    drawn: _Sums = defaultdict(int)  # what each holder has drawn and not returned, by its entries
    stored: dict[str, _Sums] = {"account": {}, "owed": {}, "draw": {}}
    for source, organisation, name, debit, credit, amount in books:
        if source == "entry":
            _add_entries(sums, drawn, organisation, name, debit, credit, int(amount))
        else:
            stored[source][organisation, name] = int(amount)
    faults = [
        f"{organisation}: unknown account {account}"
        for organisation, account in sums
        if account not in _COMMON and (organisation, account) not in stored["account"]
    ]
    faults += _differences("stores", stored["account"], sums)
    faults += _differences("draws store", stored["draw"], drawn)
    owed = {(organisation, ""): -total for (organisation, account), total in sums.items() if account == OWED}
    faults += _differences("owes", stored["owed"], owed)
    if sum(sums.values()):
        faults.append(f"all accounts together make {sum(sums.values())}, not 0")
    return faults


def _cap_accounts(organisation_id: str) -> list[str]:
    """Return the accounts of the budgets for each month since they were made and, because clocks differ, around."""
    found, last = [], month_end(timezone.now())
    for budget in Budget.objects.filter(organisation_id=organisation_id):
        at = budget.created_at - timedelta(days=1)
        while at <= last:
            found.append(cap_account(budget.id, at))
            at = month_end(at)
    return found


_Sums = dict[tuple[str, str], int]
_COMMON = {ISSUED, SPENT, EXPIRED, OWED, PLATFORM_LOSS}


def _add_entries(sums: _Sums, drawn: _Sums, organisation: str, kind: str, debit: str, credit: str, amount: int) -> None:
    sums[organisation, debit] -= amount
    sums[organisation, credit] += amount
    if kind in ("lease", "hold"):
        drawn[organisation, credit] += amount
    elif kind in ("return", "expire") and not debit.startswith("lot_"):
        drawn[organisation, debit] -= amount


def _differences(what: str, stored: _Sums, found: _Sums) -> list[str]:
    """Compare what is stored with what entries make; what neither names is zero."""
    names = stored if what != "draws store" else stored.keys() | found.keys()
    return [
        f"{account or organisation}: {what} {stored.get(key, 0)}, its entries make {found.get(key, 0)}"
        for key in names
        for organisation, account in [key]
        if stored.get(key, 0) != found.get(key, 0)
    ]


def _sum(rows: QuerySet[Lease]) -> int:
    return rows.aggregate(total=Sum("balance_micro"))["total"] or 0


def _entry_view(row: HistoryEntry) -> EntryView:
    incoming = row.kind == "grant"
    return EntryView(
        f"entry_{row.idempotency_key.rpartition('_')[2]}",
        row.kind,
        row.amount_micro if incoming else -row.amount_micro,
        row.request_id,
        row.reason,
        row.created_at,
    )
