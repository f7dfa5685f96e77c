"""Usage records, written by the group-commit writer, and claims on idempotency keys."""

from django.db import models
from django.db.models import Q

from patchbay.lib.ids import LENGTH, id_factory
from patchbay.lib.listing import Listing

HISTORY = Listing("usage_usagerecord", "request_id")


class _RecordColumns(models.Model):
    position = models.BigAutoField(primary_key=True, editable=False)
    request_id = models.CharField(max_length=LENGTH + 40)
    organisation_id = models.CharField(max_length=LENGTH)
    key_id = models.CharField(max_length=LENGTH, blank=True)
    user_id = models.CharField(max_length=LENGTH, blank=True)
    product = models.CharField(max_length=20, blank=True)
    operation = models.CharField(max_length=40, blank=True)
    plug_id = models.CharField(max_length=LENGTH, blank=True)
    model = models.CharField(max_length=120, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    environment = models.CharField(max_length=4)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    cached_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    estimated = models.BooleanField(default=False)
    latency_ms = models.PositiveBigIntegerField(default=0)
    outcome = models.CharField(max_length=20, blank=True)
    tries = models.PositiveSmallIntegerField(default=1)
    detail = models.TextField(blank=True, help_text="A JSON text of the product that made the record, for itself")
    counts = models.TextField(blank=True, help_text="Counts of the rarer items of the price list as JSON")
    lines = models.TextField(default="[]", help_text="Cost lines as JSON, as the price list made them")
    created_at = models.DateTimeField()
    cost_micro = models.BigIntegerField(default=0)
    loss_micro = models.BigIntegerField(default=0)
    lease_id = models.CharField(
        max_length=LENGTH,
        blank=True,
        help_text="Which lease paid the cost; empty where ledger entries say who did",
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.request_id


class UsageRecord(_RecordColumns):
    """One metered act; exactly one per request of an organisation.

    `cost_micro` was charged, `loss_micro` could not be. A row with a `lease_id` is the ledger's movement as well: its
    cost from the lease to `spent` (`ledger.models.HistoryEntry`), and as append-only as an entry. Look a request up
    here; list an organisation's as `HistoryRecord`: this table has no order by organisation (`lib/listing.py`).
    """

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(cost_micro__gte=0, loss_micro__gte=0), name="usage_cost_not_negative"),
            models.CheckConstraint(
                condition=~Q(environment="test") | Q(cost_micro=0, loss_micro=0), name="usage_test_is_free"
            ),
            models.CheckConstraint(condition=Q(lease_id="") | Q(cost_micro__gt=0), name="usage_posting_positive"),
        ]


class HistoryRecord(_RecordColumns):
    """The same rows by organisation, in the order of their request ids, which are time-sortable."""

    class Meta:
        managed = False
        db_table = "usage_usagerecord_history"


class RequestClaim(models.Model):
    """An Idempotency-Key in use: by whom while it is answered, with the answer afterwards."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("claim"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH)
    idempotency_key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    process_id = models.CharField(max_length=LENGTH)
    response = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation_id", "idempotency_key"], name="claim_once")]

    def __str__(self) -> str:
        return self.id
