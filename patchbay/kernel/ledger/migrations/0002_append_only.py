"""Make entries append-only in the database itself: no UPDATE or DELETE of a row, whoever asks."""

from django.db import migrations

_SQLITE = [
    f"""CREATE TRIGGER ledger_entry_no_{action.lower()} BEFORE {action} ON ledger_entry
    BEGIN SELECT RAISE(ABORT, 'ledger entries are append-only'); END"""
    for action in ("UPDATE", "DELETE")
]
_SQLITE_BACK = ["DROP TRIGGER ledger_entry_no_update", "DROP TRIGGER ledger_entry_no_delete"]
_POSTGRESQL = [
    """CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'ledger entries are append-only' USING ERRCODE = 'restrict_violation'; END $$""",
    """CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_append_only()""",
]
_POSTGRESQL_BACK = ["DROP TRIGGER ledger_entry_append_only ON ledger_entry", "DROP FUNCTION ledger_append_only()"]


def _runs(sqlite, postgresql):
    def run(apps, schema_editor):
        for statement in sqlite if schema_editor.connection.vendor == "sqlite" else postgresql:
            schema_editor.execute(statement)

    return run


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunPython(_runs(_SQLITE, _POSTGRESQL), _runs(_SQLITE_BACK, _POSTGRESQL_BACK))]
