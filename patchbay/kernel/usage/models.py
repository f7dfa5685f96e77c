"""Usage records, written by the group-commit writer, and claims on idempotency keys."""

from django.db import models
from django.db.models import Q

from patchbay.lib.ids import LENGTH, id_factory


class UsageRecord(models.Model):
    """One metered act; exactly one per request of an organisation.

    `cost_micro` was charged, `loss_micro` could not be. Request ids are time-sortable, so the primary key is also the
    order of the history, and the only index that a settle pays for.
    """

    pk = models.CompositePrimaryKey("organisation_id", "request_id")
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
    lines = models.TextField(default="[]", help_text="Cost lines as JSON, as the price list made them")
    created_at = models.DateTimeField()
    cost_micro = models.BigIntegerField(default=0)
    loss_micro = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(cost_micro__gte=0, loss_micro__gte=0), name="usage_cost_not_negative"),
            models.CheckConstraint(
                condition=~Q(environment="test") | Q(cost_micro=0, loss_micro=0), name="usage_test_is_free"
            ),
        ]

    def __str__(self) -> str:
        return self.request_id


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
