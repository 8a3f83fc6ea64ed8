"""The database triggers that refuse every change of the audit trail. The migration creates them."""

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

#: When a new row would replace another one, by table: one for each unique column.
TABLES = {
    "audit_auditentry": "id = NEW.id",
    "audit_seal": "position = NEW.position OR entry_id = NEW.entry_id",
}
SENTENCE = "The audit trail is append-only."

_POSTGRESQL_BODY = f" BEGIN RAISE EXCEPTION '{SENTENCE}'; END "
_POSTGRESQL_FUNCTION = f"""
CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$${_POSTGRESQL_BODY}$$
"""


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers; for the migration."""
    install(schema_editor.connection)


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers on both tables, in the transaction that is open."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL_FUNCTION)
        for table in TABLES:
            for statement in _triggers(table, connection.vendor).values():
                cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers. Only the tests do, to empty the tables."""
    with connection.cursor() as cursor:
        for table in TABLES:
            for name in _triggers(table, connection.vendor):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The triggers that are not there, are disabled, or no longer do what ``install`` made them do."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname FROM pg_trigger"
                " JOIN pg_proc ON pg_proc.oid = tgfoid JOIN pg_class ON pg_class.oid = tgrelid"
                # Not those of the schema that a restore keeps.
                " WHERE pg_table_is_visible(tgrelid) AND tgname = relname || '_refuse_change'"
                " AND tgenabled IN ('O', 'A') AND proname = 'audit_refuse_change' AND prosrc = %s"
                # Of what pg_trigger.h names: BEFORE a statement that deletes, updates or truncates.
                " AND tgtype = 2 + 8 + 16 + 32 AND tgqual IS NULL",
                [_POSTGRESQL_BODY],
            )
            found = {name for (name,) in cursor.fetchall()}
        else:
            cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
            made = {statement for (statement,) in cursor.fetchall()}
            found = {
                name
                for table in TABLES
                for name, statement in _triggers(table, connection.vendor).items()
                if statement in made
            }
    return [name for table in TABLES for name in _triggers(table, connection.vendor) if name not in found]


def _triggers(table: str, vendor: str) -> dict[str, str]:
    """The statements that create a table's triggers, by name. SQLite has one trigger for each kind of change."""
    if vendor == "postgresql":
        events = {"change": f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"}
        refuse = "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()"
    else:
        events = {
            "update": f"BEFORE UPDATE ON {table}",
            "delete": f"BEFORE DELETE ON {table}",
            # INSERT OR REPLACE deletes the row that it replaces without its trigger. PostgreSQL has no such statement.
            "replace": f"BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {TABLES[table]})",
        }
        refuse = f"BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"
    return {
        f"{table}_refuse_{kind}": f"CREATE TRIGGER {table}_refuse_{kind} {event} {refuse}"
        for kind, event in events.items()
    }
