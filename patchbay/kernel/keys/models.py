"""API keys: of the secret only its SHA-256 and its first characters are kept."""

from django.db import models

from patchbay.lib.ids import LENGTH, id_factory


class ApiKey(models.Model):
    class Permission(models.TextChoices):
        FULL = "full", "Full"
        READ_ONLY = "read_only", "Read-only"

    class Environment(models.TextChoices):
        LIVE = "live", "Live"
        TEST = "test", "Test"

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("key"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH, db_index=True)
    name = models.CharField(max_length=120)
    plug_id = models.CharField(max_length=LENGTH, null=True, help_text="None: the whole organisation")
    permission = models.CharField(max_length=9, choices=Permission.choices)
    environment = models.CharField(max_length=4, choices=Environment.choices)
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    previous_digest = models.CharField(
        max_length=64, unique=True, null=True, help_text="Of the secret before a rotation"
    )
    previous_until = models.DateTimeField(null=True, help_text="Until when that secret is good")
    requests_per_minute = models.PositiveIntegerField(null=True, help_text="None: as many as the plan allows")
    owner_id = models.CharField(
        max_length=LENGTH, null=True, help_text="The owner who made it, or whose key did; None: nobody who was one"
    )
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
