"""Make the log append-only in the database itself: no UPDATE or DELETE of an event, and the end only moves on."""

from django.db import migrations

_SQLITE = [
    """CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_auditevent
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_auditevent
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER audit_head_moves_on BEFORE UPDATE ON audit_audithead
    WHEN NEW.sequence <> OLD.sequence + 1 OR NEW.organisation_id <> OLD.organisation_id
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_audithead
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
]
_SQLITE_BACK = [
    f"DROP TRIGGER {name}"
    for name in ("audit_event_no_update", "audit_event_no_delete", "audit_head_moves_on", "audit_head_no_delete")
]
_POSTGRESQL = [
    """CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation'; END $$""",
    """CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_append_only()""",
    """CREATE TRIGGER audit_head_moves_on BEFORE UPDATE ON audit_audithead FOR EACH ROW
    WHEN (NEW.sequence <> OLD.sequence + 1 OR NEW.organisation_id <> OLD.organisation_id)
    EXECUTE FUNCTION audit_append_only()""",
    """CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_audithead
    FOR EACH ROW EXECUTE FUNCTION audit_append_only()""",
]
_POSTGRESQL_BACK = [
    "DROP TRIGGER audit_head_no_delete ON audit_audithead",
    "DROP TRIGGER audit_head_moves_on ON audit_audithead",
    "DROP TRIGGER audit_event_append_only ON audit_auditevent",
    "DROP FUNCTION audit_append_only()",
]


def _runs(sqlite, postgresql):
    def run(apps, schema_editor):
        statements = sqlite if schema_editor.connection.vendor == "sqlite" else postgresql
        for statement in statements:
            schema_editor.execute(statement, params=None)

    return run


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(_runs(_SQLITE, _POSTGRESQL), _runs(_SQLITE_BACK, _POSTGRESQL_BACK))]
