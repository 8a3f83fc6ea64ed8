"""The database triggers that refuse every change of the audit trail. They are made by the migration."""

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLES = ("audit_auditentry", "audit_seal")
SENTENCE = "The audit trail is append-only."

_POSTGRESQL_FUNCTION = f"""
CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{SENTENCE}'; END $$
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
            for statement in _statements(table, connection.vendor):
                cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers. Only the tests do, to empty the tables."""
    with connection.cursor() as cursor:
        for table in TABLES:
            for name in names(table, connection.vendor):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The triggers that are not there, or, on PostgreSQL, are disabled."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        found = {name for (name,) in cursor.fetchall()}
    return [name for table in TABLES for name in names(table, connection.vendor) if name not in found]


def names(table: str, vendor: str) -> list[str]:
    """The names of a table's triggers. SQLite has one trigger for each kind of change."""
    kinds = ("change",) if vendor == "postgresql" else ("update", "delete")
    return [f"{table}_refuse_{kind}" for kind in kinds]


def _statements(table: str, vendor: str) -> list[str]:
    if vendor == "postgresql":
        return [
            f"CREATE TRIGGER {table}_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()"
        ]
    return [
        f"CREATE TRIGGER {table}_refuse_{kind} BEFORE {kind.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"
        for kind in ("update", "delete")
    ]
