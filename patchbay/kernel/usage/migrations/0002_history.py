"""Records once per organisation and request, and by organisation."""

from django.db import migrations

from patchbay.lib.listing import Listing

_LISTING = Listing("usage_usagerecord", "request_id")


def _create(apps, schema_editor):
    columns = [field.column for field in apps.get_model("usage", "UsageRecord")._meta.local_fields]
    for statement in _LISTING.create_statements(schema_editor.connection.vendor, columns):
        schema_editor.execute(statement)


def _drop(apps, schema_editor):
    for statement in _LISTING.drop_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("usage", "0001_initial")]
    operations = [migrations.RunPython(_create, _drop)]
