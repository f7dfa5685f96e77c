"""Let the oldest events go, together and from the beginning: what is deleted lies before an anchor kept in the head.

The database still refuses any other change: an anchor only moves on, never past the end, and only to the digest of
the event that it names; an event is deleted only up to it.
"""

from django.db import migrations, models

_ZEROS = "0" * 64
_MOVES_ON = """NEW.organisation_id = OLD.organisation_id AND (
      (NEW.sequence = OLD.sequence + 1 AND NEW.anchor_sequence = OLD.anchor_sequence
        AND NEW.anchor_digest = OLD.anchor_digest)
      OR (NEW.sequence = OLD.sequence AND NEW.digest = OLD.digest AND NEW.anchor_sequence <= OLD.sequence
        AND NEW.anchor_sequence > OLD.anchor_sequence AND NEW.anchor_digest = COALESCE((SELECT digest
          FROM audit_auditevent WHERE organisation_id = OLD.organisation_id AND sequence = NEW.anchor_sequence), '')))"""
_KEPT = """OLD.sequence > COALESCE((SELECT anchor_sequence FROM audit_audithead
      WHERE organisation_id = OLD.organisation_id), 0)"""
_REFUSE_SQLITE = "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
_REFUSE_POSTGRESQL = "RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation'"

_SQLITE_OFF = [
    f"DROP TRIGGER {name}" for name in ("audit_event_no_delete", "audit_head_moves_on", "audit_head_no_delete")
]
_SQLITE_ON = [
    f"CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_auditevent WHEN {_KEPT} {_REFUSE_SQLITE}",
    f"CREATE TRIGGER audit_head_moves_on BEFORE UPDATE ON audit_audithead WHEN NOT ({_MOVES_ON}) {_REFUSE_SQLITE}",
    f"CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_audithead {_REFUSE_SQLITE}",
]
_POSTGRESQL_OFF = [
    "DROP TRIGGER audit_event_append_only ON audit_auditevent",
    "DROP TRIGGER audit_head_moves_on ON audit_audithead",
]
_POSTGRESQL_ON = [
    f"""CREATE FUNCTION audit_keep_event() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF {_KEPT} THEN {_REFUSE_POSTGRESQL}; END IF; RETURN OLD; END $$""",
    f"""CREATE FUNCTION audit_move_head() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NOT ({_MOVES_ON}) THEN {_REFUSE_POSTGRESQL}; END IF; RETURN NEW; END $$""",
    """CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_append_only()""",
    """CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_keep_event()""",
    """CREATE TRIGGER audit_head_moves_on BEFORE UPDATE ON audit_audithead
    FOR EACH ROW EXECUTE FUNCTION audit_move_head()""",
]


def _runs(sqlite, postgresql):
    def run(apps, schema_editor):
        statements = sqlite if schema_editor.connection.vendor == "sqlite" else postgresql
        for statement in statements:
            schema_editor.execute(statement, params=None)

    return run


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]
    operations = [
        migrations.RunPython(_runs(_SQLITE_OFF, _POSTGRESQL_OFF)),
        migrations.AddField("audithead", "anchor_sequence", models.PositiveBigIntegerField(default=0)),
        migrations.AddField("audithead", "anchor_digest", models.CharField(default=_ZEROS, max_length=64)),
        migrations.RunPython(_runs(_SQLITE_ON, _POSTGRESQL_ON)),
    ]
