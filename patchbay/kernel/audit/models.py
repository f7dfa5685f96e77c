"""The audit log and, for each organisation, where its chain begins and ends.

Triggers (migrations 0002, 0003) make both append-only; only what lies before the anchor may be deleted.
"""

from django.db import models

from patchbay.lib.ids import LENGTH, id_factory

HASH_LENGTH = 64


class AuditEvent(models.Model):
    """Something that happened; `digest` covers its content and the digest of the event before it.

    `changes` is canonical JSON as text, because a database's own JSON type may rewrite what was hashed.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("evt"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH)
    sequence = models.PositiveBigIntegerField()
    created_at = models.DateTimeField()
    action = models.CharField(max_length=80)
    target_type = models.CharField(max_length=40)
    target_id = models.CharField(max_length=80)
    target_name = models.CharField(max_length=200)
    changes = models.TextField()
    actor_kind = models.CharField(max_length=8)
    actor_role = models.CharField(max_length=8)
    actor_name = models.CharField(max_length=200)
    user_id = models.CharField(max_length=LENGTH, blank=True)
    key_id = models.CharField(max_length=LENGTH, blank=True)
    address = models.CharField(max_length=45, blank=True)
    previous_digest = models.CharField(max_length=HASH_LENGTH)
    digest = models.CharField(max_length=HASH_LENGTH)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation_id", "sequence"], name="audit_sequence_once")]
        indexes = [models.Index(fields=["organisation_id", "created_at"], name="audit_by_time")]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.sequence} {self.action}"


class AuditHead(models.Model):
    """The end of an organisation's chain; its row lock puts concurrent events in order.

    `anchor_sequence` and `anchor_digest` are of the last event that was let go: the chain that is kept goes on there.
    """

    organisation_id = models.CharField(primary_key=True, max_length=LENGTH)
    sequence = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=HASH_LENGTH, default="0" * HASH_LENGTH)
    anchor_sequence = models.PositiveBigIntegerField(default=0)
    anchor_digest = models.CharField(max_length=HASH_LENGTH, default="0" * HASH_LENGTH)

    def __str__(self) -> str:
        return f"{self.organisation_id} at {self.sequence}"
