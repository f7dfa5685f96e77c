"""Providers, models and rules as they are set up, and what is kept of requests besides their usage records.

`organisation_id` None marks what belongs to the platform and serves everyone.
"""

from django.db import models
from django.db.models import Q

from patchbay.lib.ids import LENGTH, id_factory

NAME_LENGTH = 120


class Provider(models.Model):
    """A server of models, or the built-in one; `kind` names a folder of `providers/`.

    A limit of NULL is none. At a limit a request waits at most `queue_seconds` among at most `queue_length`.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("prov"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH, null=True, db_index=True)
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=20)
    base_url = models.CharField(max_length=500, blank=True)
    max_concurrent = models.PositiveIntegerField(null=True)
    requests_per_minute = models.PositiveIntegerField(null=True)
    queue_length = models.PositiveIntegerField(default=100)
    queue_seconds = models.FloatField(default=10.0)
    private_allowed = models.BooleanField(default=False, help_text="Staff named a private address on purpose")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(organisation_id__isnull=True), name="provider_once_on_platform"
            ),
            models.UniqueConstraint(
                fields=["organisation_id", "name"],
                condition=Q(organisation_id__isnull=False),
                name="provider_once_in_organisation",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProviderKey(models.Model):
    """A credential of a provider: encrypted, of which only the last characters are ever shown."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("pkey"), editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="keys")
    encrypted = models.BinaryField()
    hint = models.CharField(max_length=8)
    weight = models.PositiveIntegerField(default=1)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"…{self.hint} of {self.provider_id}"


class ModelAlias(models.Model):
    """A name that clients use for a model; an organisation's own one hides the platform's of the same name."""

    class Balancing(models.TextChoices):
        WEIGHTED = "weighted", "By weight"
        LEAST_BUSY = "least_busy", "To the least busy"

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("alias"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH, null=True, db_index=True)
    name = models.CharField(max_length=NAME_LENGTH)
    balancing = models.CharField(max_length=10, choices=Balancing.choices, default=Balancing.WEIGHTED)
    cache_seconds = models.PositiveIntegerField(default=0)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(organisation_id__isnull=True), name="alias_once_on_platform"
            ),
            models.UniqueConstraint(
                fields=["organisation_id", "name"],
                condition=Q(organisation_id__isnull=False),
                name="alias_once_in_organisation",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ModelTarget(models.Model):
    """One model of one provider behind an alias: tried by `order`, among equals by `weight`."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("target"), editable=False)
    alias = models.ForeignKey(ModelAlias, on_delete=models.CASCADE, related_name="targets")
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="targets")
    model = models.CharField(max_length=200)
    order = models.PositiveIntegerField(default=0)
    weight = models.PositiveIntegerField(default=1)
    max_prompt_tokens = models.PositiveIntegerField(null=True)
    tools = models.BooleanField(default=True)
    context_tokens = models.PositiveIntegerField()
    max_output_tokens = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["order", "id"]
        constraints = [models.UniqueConstraint(fields=["alias", "provider", "model"], name="target_once")]

    def __str__(self) -> str:
        return f"{self.provider_id}/{self.model}"


class OrganisationRules(models.Model):
    """What an organisation allows itself; without a row the defaults hold. NULL in `allowed_models` allows all."""

    class CutPolicy(models.TextChoices):
        READ_ON = "read_on", "Read on to the provider's count"
        CANCEL = "cancel", "Cancel and bill what was produced"

    organisation_id = models.CharField(primary_key=True, max_length=LENGTH)
    allowed_models = models.JSONField(null=True)
    cut_policy = models.CharField(max_length=8, choices=CutPolicy.choices, default=CutPolicy.READ_ON)
    log_bodies = models.BooleanField(default=False)
    body_days = models.PositiveSmallIntegerField(default=7)

    def __str__(self) -> str:
        return self.organisation_id


class FailedRequest(models.Model):
    """A request that was refused or failed, and so has no usage record; kept for a while.

    `requests` is how many alike of one minute the row stands for.
    """

    position = models.BigAutoField(primary_key=True, editable=False)
    request_id = models.CharField(max_length=LENGTH + 40)
    organisation_id = models.CharField(max_length=LENGTH)
    key_id = models.CharField(max_length=LENGTH, blank=True)
    user_id = models.CharField(max_length=LENGTH, blank=True)
    alias = models.CharField(max_length=NAME_LENGTH, blank=True)
    door = models.CharField(max_length=40)
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=60)
    message = models.CharField(max_length=500, blank=True)
    tries = models.TextField(default="[]", help_text="JSON: what was tried of whom, and how each try ended")
    latency_ms = models.PositiveBigIntegerField(default=0)
    requests = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation_id", "request_id"], name="failure_once")]

    def __str__(self) -> str:
        return self.request_id


class StoredAnswer(models.Model):
    """An answer, or an item of one, that a provider keeps under an id, so that later requests go on from it there.

    No foreign keys: a provider or key that is gone leaves its ids behind, which then lead nowhere.
    """

    position = models.BigAutoField(primary_key=True, editable=False)
    organisation_id = models.CharField(max_length=LENGTH)
    answer_id = models.CharField(max_length=200)
    provider_id = models.CharField(max_length=LENGTH)
    provider_key_id = models.CharField(max_length=LENGTH, blank=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation_id", "answer_id"], name="stored_answer_once")]

    def __str__(self) -> str:
        return self.answer_id


class RequestBody(models.Model):
    """Request and answer of one call, encrypted, for as long as the organisation's rules say."""

    position = models.BigAutoField(primary_key=True, editable=False)
    request_id = models.CharField(max_length=LENGTH + 40)
    organisation_id = models.CharField(max_length=LENGTH)
    encrypted = models.BinaryField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation_id", "request_id"], name="body_once")]

    def __str__(self) -> str:
        return self.request_id


class RequestRollup(models.Model):
    """Requests of one organisation for one model in one stretch of time: sums, and how many took how long.

    `seconds` is the stretch's length (600 or 3600) and `start` when it begins. `latencies` counts requests by the
    index of their bin in `usage.contracts.LATENCY_BOUNDS`, failed ones left out; `counts` are of rarer tokens.
    """

    id = models.BigAutoField(primary_key=True, editable=False)
    organisation_id = models.CharField(max_length=LENGTH)
    seconds = models.PositiveIntegerField()
    start = models.DateTimeField()
    model = models.CharField(max_length=NAME_LENGTH, blank=True)
    requests = models.PositiveBigIntegerField(default=0)
    errors = models.PositiveBigIntegerField(default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    cached_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    cost_micro = models.BigIntegerField(default=0)
    latencies = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation_id", "seconds", "start", "model"], name="rollup_once")
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.start:%Y-%m-%d %H:%M} {self.model}"


class RollupMark(models.Model):
    """How far a source was summed up: all rows up to `position`; those up to `seen` were there at `seen_at`."""

    source = models.CharField(primary_key=True, max_length=20)
    position = models.BigIntegerField(default=0)
    seen = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.source} up to {self.position}"
