"""A copy of the database while Baton works, and the replacement of the database by such a copy while it does not."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from django.db import DatabaseError, connection, connections
from django.db.backends.postgresql.client import DatabaseClient

from contacts.journals import sync_folder

#: Added to the name of the database that was replaced; of several restores, the last one's is kept.
REPLACED = "before_restore"
#: Ends the name of a copy that is being put in place of a database on SQLite.
_DRAFT = ".restored"


class DatabaseFailed(Exception):
    """The database, or one of PostgreSQL's programs, refused; the message is for people."""


def copy_to(path: Path) -> None:
    """Write the database as it is at one moment to ``path``. Raises DatabaseFailed and DatabaseError."""
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        _run("pg_dump", "--format=custom", "--compress=0", "--schema=public", "--no-owner", "--file", str(path))
        return
    with closing(sqlite3.connect(path)) as target:
        connection.connection.backup(target)


def replace_with(path: Path) -> None:
    """Replace the database with a copy that ``copy_to`` wrote; the database as it was is kept beside it.

    Nobody may be using the database. Raises DatabaseFailed, and the database is then as before.
    """
    if connection.vendor == "postgresql":
        _replace_in_postgresql(path)
    else:
        _replace_file(path)


def remove_draft() -> None:
    """Remove the copy that ``replace_with`` left behind when it was killed."""
    if connection.vendor == "sqlite":
        Path(f"{connection.settings_dict['NAME']}{_DRAFT}").unlink(missing_ok=True)


def others_connected() -> int:
    """How many sessions besides this one use the database; 0 with SQLite, which cannot tell."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def _replace_file(path: Path) -> None:
    connections.close_all()
    place = Path(str(connection.settings_dict["NAME"]))
    replaced = f"{place}.{REPLACED}"
    # The write-ahead log belongs to the database beside it, and must never be found beside another one.
    for ending in ("", "-wal", "-shm"):
        Path(f"{replaced}{ending}").unlink(missing_ok=True)
    for ending in ("", "-wal", "-shm"):
        found = Path(f"{place}{ending}")
        if found.exists():
            found.replace(f"{replaced}{ending}")
    draft = Path(f"{place}{_DRAFT}")
    shutil.copyfile(path, draft)
    draft.chmod(0o600)
    with draft.open("rb") as handle:
        os.fsync(handle.fileno())
    draft.replace(place)
    sync_folder(place)


def _replace_in_postgresql(path: Path) -> None:
    try:
        _execute(
            f"DROP SCHEMA IF EXISTS {REPLACED} CASCADE",
            f"ALTER SCHEMA public RENAME TO {REPLACED}",
            "CREATE SCHEMA public",
        )
    except DatabaseError as error:
        raise DatabaseFailed(f"The user of DATABASE_URL must own the database: {error}") from None
    try:
        # Other roles that were granted something may not exist here.
        options = ("--schema=public", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
        _run("pg_restore", *options, str(path))
    except DatabaseFailed:
        _execute("DROP SCHEMA public CASCADE", f"ALTER SCHEMA {REPLACED} RENAME TO public")
        raise


def _execute(*statements: str) -> None:
    """Run the statements in one transaction."""
    with connection.cursor() as cursor:
        cursor.execute("; ".join(statements))
    # What other programs do next must not wait for this session.
    connections.close_all()


def _run(program: str, *options: str) -> None:
    """Run one of PostgreSQL's own programs on the database. Raises DatabaseFailed."""
    arguments, environment = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    _, *login, name = arguments
    command = [program, *login, "--dbname", name, *options]
    try:
        ran = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, check=False)
    except FileNotFoundError:
        raise DatabaseFailed(f"{program} is not installed. Install the package postgresql-client.") from None
    if ran.returncode:
        raise DatabaseFailed(f"{program} failed: {ran.stderr.decode(errors='replace').strip()}")
