"""Keep which owner made a key, so that it follows their role, instead of whether one did.

Who that was is in the audit log: who last made or rotated it. Keys of which it does not tell are no owner's.
"""

from typing import Any

from django.db import migrations, models


def fill(apps: Any, _: Any) -> None:
    keys, events = apps.get_model("keys", "ApiKey"), apps.get_model("audit", "AuditEvent")
    for key in keys.objects.filter(made_by_owner=True):
        told = events.objects.filter(
            organisation_id=key.organisation_id, target_id=key.pk, action__in=("key.created", "key.rotated")
        )
        key.owner_id = told.order_by("-sequence").values_list("user_id", flat=True).first() or None
        key.save(update_fields=["owner_id"])


class Migration(migrations.Migration):
    dependencies = [("keys", "0001_initial"), ("audit", "0003_retention")]

    operations = [
        migrations.AddField(
            "apikey",
            "owner_id",
            models.CharField(
                help_text="The owner who made it, or whose key did; None: nobody who was one", max_length=40, null=True
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RemoveField("apikey", "made_by_owner"),
    ]
