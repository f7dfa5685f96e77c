"""Lots, leases, holds and the entries between them.

Entries are the truth. Balances are stored only where a constraint must hold (never below zero), and
`queries.verify` recomputes each of them from the entries.
"""

from django.db import models
from django.db.models import F, Q

from patchbay.lib.ids import LENGTH, id_factory
from patchbay.lib.listing import Listing

KEY_LENGTH = 200
HISTORY = Listing("ledger_entry", "idempotency_key")


class CreditAccount(models.Model):
    """One row per organisation: the lock under which its lots are drawn, its debt, and whether credit is scarce."""

    organisation_id = models.CharField(primary_key=True, max_length=LENGTH)
    owed_micro = models.PositiveBigIntegerField(default=0)
    scarce_until = models.DateTimeField(null=True, help_text="Until then leases are single holds")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(owed_micro__gte=0), name="owed_not_negative")]

    def __str__(self) -> str:
        return self.organisation_id


class Lot(models.Model):
    """Credits of one grant; `balance_micro` is what is in no lease or hold and neither spent nor expired."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("lot"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH)
    kind = models.CharField(max_length=12)
    priority = models.PositiveSmallIntegerField()
    amount_micro = models.BigIntegerField()
    balance_micro = models.BigIntegerField()
    expires_at = models.DateTimeField(null=True)
    idempotency_key = models.CharField(max_length=KEY_LENGTH)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation_id", "idempotency_key"], name="lot_once"),
            models.CheckConstraint(condition=Q(amount_micro__gt=0), name="lot_amount_positive"),
            models.CheckConstraint(
                condition=Q(balance_micro__gte=0, balance_micro__lte=F("amount_micro")), name="lot_balance_in_range"
            ),
        ]
        indexes = [
            models.Index(fields=["organisation_id", "priority"], condition=Q(balance_micro__gt=0), name="lot_drawable"),
            models.Index(fields=["expires_at"], condition=Q(balance_micro__gt=0), name="lot_to_expire"),
        ]

    def __str__(self) -> str:
        return self.id


class Budget(models.Model):
    """A cap on what a key or an organisation may spend in a calendar month; NULL is none. See `engine.caps`."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("budget"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH, db_index=True)
    scope = models.CharField(max_length=12, help_text="key or organisation")
    scope_id = models.CharField(max_length=LENGTH)
    cap_micro = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "scope_id"], name="budget_once"),
            models.CheckConstraint(condition=Q(cap_micro=None) | Q(cap_micro__gte=0), name="budget_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.scope_id}"


class LedgerProcess(models.Model):
    """A running process that may lease credits: alive while its heartbeat, by the database's clock, is fresh.

    `machine`, `pid` and `started` tell another process on the same machine at once that it is gone.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("proc"), editable=False)
    machine = models.CharField(max_length=80)
    pid = models.PositiveBigIntegerField()
    started = models.CharField(max_length=40)
    opened_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["heartbeat_at"], condition=Q(closed_at=None), name="process_open")]

    def __str__(self) -> str:
        return self.id


class Lease(models.Model):
    """Credits of one organisation that one process may spend without asking.

    Another process raises `recall_number` to ask for what is unused; the holder copies it to `recall_ack` in the
    transaction that returned it.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("lease"), editable=False)
    process = models.ForeignKey(LedgerProcess, on_delete=models.PROTECT, related_name="leases")
    organisation_id = models.CharField(max_length=LENGTH)
    balance_micro = models.BigIntegerField(default=0)
    recall_number = models.PositiveBigIntegerField(default=0)
    recall_ack = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation_id", "process"], name="lease_once_per_process"),
            models.CheckConstraint(condition=Q(balance_micro__gte=0), name="lease_not_negative"),
        ]
        indexes = [
            models.Index(fields=["process"], condition=Q(recall_number__gt=F("recall_ack")), name="lease_recalled")
        ]

    def __str__(self) -> str:
        return self.id


class Hold(models.Model):
    """A durable hold: made and settled in transactions of its own, it survives restarts until it expires."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("hold"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH)
    amount_micro = models.BigIntegerField()
    balance_micro = models.BigIntegerField()
    state = models.CharField(max_length=8, default="open", help_text="open, settled, released or expired")
    charged_micro = models.BigIntegerField(default=0)
    loss_micro = models.BigIntegerField(default=0)
    idempotency_key = models.CharField(max_length=KEY_LENGTH)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation_id", "idempotency_key"], name="hold_once"),
            models.CheckConstraint(condition=Q(amount_micro__gt=0), name="hold_amount_positive"),
            models.CheckConstraint(condition=Q(balance_micro__gte=0), name="hold_not_negative"),
            models.CheckConstraint(condition=Q(state="open") | Q(balance_micro=0), name="hold_closed_is_empty"),
        ]
        indexes = [
            models.Index(fields=["organisation_id", "expires_at"], condition=Q(state="open"), name="hold_open"),
            models.Index(fields=["expires_at"], condition=Q(state="open"), name="hold_to_expire"),
        ]

    def __str__(self) -> str:
        return self.id


class Clawback(models.Model):
    """Credits taken back under one key; `owed_micro` is the part that was not free."""

    id = models.BigAutoField(primary_key=True)
    organisation_id = models.CharField(max_length=LENGTH)
    idempotency_key = models.CharField(max_length=KEY_LENGTH)
    amount_micro = models.BigIntegerField()
    owed_micro = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation_id", "idempotency_key"], name="clawback_once")]

    def __str__(self) -> str:
        return self.idempotency_key


class Draw(models.Model):
    """What a lease or hold took from one lot and has not returned; first taken is first spent, last taken returns."""

    id = models.BigAutoField(primary_key=True)
    holder_id = models.CharField(max_length=LENGTH)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="draws")
    amount_micro = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount_micro__gte=0), name="draw_not_negative")]
        indexes = [models.Index(fields=["holder_id", "id"], name="draw_by_holder")]

    def __str__(self) -> str:
        return f"{self.holder_id} from {self.lot_id}"


class _EntryColumns(models.Model):
    position = models.BigAutoField(primary_key=True, editable=False)
    organisation_id = models.CharField(max_length=LENGTH)
    kind = models.CharField(max_length=10)
    debit_account = models.CharField(max_length=LENGTH)
    credit_account = models.CharField(max_length=LENGTH)
    amount_micro = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=KEY_LENGTH + 8)
    request_id = models.CharField(max_length=LENGTH + 40, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_micro}"


class Entry(_EntryColumns):
    """One movement, balanced by construction: `amount_micro` leaves one account and enters another.

    Append-only by database triggers; `position` is the order of commit. An organisation uses a key once. Read as
    `HistoryEntry`: this table has no order by organisation (`lib/listing.py`), and not every movement.
    """

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_micro__gt=0), name="entry_amount_positive"),
            models.CheckConstraint(condition=~Q(debit_account=F("credit_account")), name="entry_moves"),
        ]


class HistoryEntry(_EntryColumns):
    """Every movement by organisation, in the order of keys, which are time-sortable (`moves.entry_key`).

    The entries, and what is a movement where it stands: usage joins its records that a lease paid
    (`usage.models.UsageRecord`), one row for what would be two. `position` is that of the row in its own table.
    """

    class Meta:
        managed = False
        db_table = "ledger_entry_history"
