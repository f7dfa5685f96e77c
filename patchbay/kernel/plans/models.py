"""Plans, who is on which, and prices by the date they take effect."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from patchbay.kernel.plans import catalogue
from patchbay.kernel.plans.contracts import ITEMS, PART_OF
from patchbay.lib.ids import LENGTH, id_factory


def check_limits(value: object) -> None:
    """Refuse limits that lack a name, have an unknown one, or hold anything but counts and None."""
    if not isinstance(value, dict) or set(value) != set(catalogue.LIMITS):
        raise ValidationError(f"Give exactly these limits: {', '.join(catalogue.LIMITS)}.")
    for name, limit in value.items():
        if limit is not None and (type(limit) is not int or limit < 0):
            raise ValidationError(f"{name} must be a whole number from 0, or null for unlimited.")


def check_features(value: object) -> None:
    """Refuse features that no gate knows."""
    if not isinstance(value, list) or not set(value) <= set(catalogue.FEATURES):
        raise ValidationError(f"Choose features from: {', '.join(catalogue.FEATURES)}.")


class Plan(models.Model):
    """The terms of one plan; NULL in `rollover_micro` and null in `limits` mean unlimited."""

    code = models.SlugField(primary_key=True, max_length=20)
    name = models.CharField(max_length=40)
    position = models.PositiveSmallIntegerField(help_text="Order on the plans page")
    monthly_cents = models.PositiveIntegerField()
    yearly_cents = models.PositiveIntegerField(null=True, blank=True)
    custom_price = models.BooleanField(default=False, help_text="The price is a minimum: “from $499”")
    monthly_credits_micro = models.PositiveBigIntegerField()
    rollover_micro = models.PositiveBigIntegerField(null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField()
    limits = models.JSONField(validators=[check_limits])
    features = models.JSONField(default=list, blank=True, validators=[check_features])

    class Meta:
        ordering = ["position"]
        constraints = [models.CheckConstraint(condition=Q(requests_per_minute__gt=0), name="plan_may_ask")]

    def __str__(self) -> str:
        return self.name


class PlanAssignment(models.Model):
    """The plan an organisation is on; an organisation without a row is on the default plan."""

    organisation_id = models.CharField(primary_key=True, max_length=LENGTH)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="assignments")
    anchor = models.DateTimeField(help_text="The plan's months are counted from here")

    def __str__(self) -> str:
        return f"{self.organisation_id} on {self.plan_id}"


class PriceRate(models.Model):
    """The price of one item from a date on: for one model, or for all (`model` empty).

    A row is never changed once it took effect: a new price is a new row. NULL in `amount_micro` ends a model's own
    price, so that the general one holds again, and a part's price, so that it is a share of its whole's again.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("rate"), editable=False)
    effective_from = models.DateTimeField()
    model = models.CharField(max_length=120, blank=True)
    item = models.CharField(max_length=24, choices=[(item, item) for item in ITEMS])
    amount_micro = models.PositiveBigIntegerField(null=True)
    per = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["effective_from"]
        constraints = [
            models.UniqueConstraint(fields=["model", "item", "effective_from"], name="price_once_per_date"),
            models.CheckConstraint(condition=Q(per__gt=0), name="price_per_something"),
            models.CheckConstraint(
                condition=Q(amount_micro__isnull=False) | ~Q(model="") | Q(item__in=tuple(PART_OF)),
                name="price_general_has_amount",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model or 'all models'}: {self.item} from {self.effective_from:%Y-%m-%d}"
