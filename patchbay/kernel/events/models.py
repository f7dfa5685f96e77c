"""The outbox, and who drains which organisation's part of it."""

from django.db import models
from django.db.models import Q

from patchbay.lib.ids import LENGTH, id_factory


class OutboxEvent(models.Model):
    """An event as it was emitted; `handled_at` is set once, `set_aside_at` when its handler failed too often.

    `position` orders an organisation's events.
    """

    position = models.BigAutoField(primary_key=True)
    id = models.CharField(unique=True, max_length=LENGTH, default=id_factory("evt"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH)
    type = models.CharField(max_length=80)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    failures = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    handled_at = models.DateTimeField(null=True)
    set_aside_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["organisation_id", "position"], name="outbox_feed"),
            models.Index(
                fields=["organisation_id", "position"],
                name="outbox_open",
                condition=Q(handled_at__isnull=True, set_aside_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class Lane(models.Model):
    """One organisation's turn in the drain: held by `holder` until `held_until`, not tried again before `not_before`.

    One holder at a time keeps the order; one lane per organisation keeps a failing one from holding up the rest.
    """

    organisation_id = models.CharField(primary_key=True, max_length=LENGTH)
    holder = models.CharField(max_length=LENGTH, blank=True)
    held_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.organisation_id} held by {self.holder or 'nobody'}"
