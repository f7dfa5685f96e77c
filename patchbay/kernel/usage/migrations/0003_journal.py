"""Records that a lease paid are the ledger's movements too: part of its history, and append-only like its entries."""

from django.db import migrations

from patchbay.lib.listing import Listing

_ENTRIES = Listing("ledger_entry", "idempotency_key")
_RECORDS = Listing("usage_usagerecord", "request_id")
_POSTED = "lease_id <> ''"
# Typed alike, or SQLite reads all of it and sorts.
_AS_ENTRY = {
    "position": "position",
    "organisation_id": "organisation_id",
    "kind": "CAST('spend' AS varchar(10))",
    "debit_account": "lease_id",
    "credit_account": "CAST('spent' AS varchar(40))",
    "amount_micro": "cost_micro",
    "idempotency_key": "request_id",
    "request_id": "request_id",
    "reason": "CAST('' AS varchar(200))",
    "created_at": "created_at",
}
_SQLITE = [
    f"""CREATE TRIGGER usage_usagerecord_no_{action.lower()} BEFORE {action} ON usage_usagerecord WHEN {when}
    BEGIN SELECT RAISE(ABORT, 'ledger entries are append-only'); END"""
    for action, when in (("UPDATE", "OLD.lease_id <> '' OR NEW.lease_id <> ''"), ("DELETE", "OLD.lease_id <> ''"))
]
_SQLITE_BACK = ["DROP TRIGGER usage_usagerecord_no_update", "DROP TRIGGER usage_usagerecord_no_delete"]
_POSTGRESQL = [
    f"""CREATE TRIGGER usage_usagerecord_no_{action.lower()} BEFORE {action} ON usage_usagerecord
    FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION ledger_append_only()"""
    for action, when in (("UPDATE", "OLD.lease_id <> '' OR NEW.lease_id <> ''"), ("DELETE", "OLD.lease_id <> ''"))
]
_POSTGRESQL_BACK = [f"{drop} ON usage_usagerecord" for drop in _SQLITE_BACK]


def _entry_selects(apps, vendor):
    columns = [field.column for field in apps.get_model("ledger", "Entry")._meta.local_fields]
    return _ENTRIES.selects(vendor, {name: name for name in columns})


def _see(schema_editor, selects):
    schema_editor.execute("DROP VIEW ledger_entry_history")
    schema_editor.execute(f"CREATE VIEW ledger_entry_history AS {' UNION ALL '.join(selects)}")


def _join(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    _see(schema_editor, _entry_selects(apps, vendor) + _RECORDS.selects(vendor, _AS_ENTRY, _POSTED))
    for statement in _SQLITE if vendor == "sqlite" else _POSTGRESQL:
        schema_editor.execute(statement)


def _part(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in _SQLITE_BACK if vendor == "sqlite" else _POSTGRESQL_BACK:
        schema_editor.execute(statement)
    _see(schema_editor, _entry_selects(apps, vendor))


class Migration(migrations.Migration):
    dependencies = [("usage", "0002_history"), ("ledger", "0003_history")]
    operations = [migrations.RunPython(_join, _part)]
