"""Refuses to work as a part of an installation that this host does not belong to.

All hosts of an installation have the same keys (``providers.keys``), share one journal directory and one storage for
files, and run the version whose schema the database has. The database stores what the first start found.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from providers import keys
from providers.models import KeyFingerprint

#: The name of the file that tells a journal directory, and a storage of files, from any other.
ID_FILE = "installation-id"


class OtherPlace(keys.OtherInstallation):
    """The journal directory or the storage of files is not that of this database; the message says what to do."""


class OtherSchema(keys.OtherInstallation):
    """The database has an older or a newer schema than this version of Baton; the message says what to do."""


def verify() -> None:
    """Compare this host with what the database says about its installation; the first start records it.

    Raises keys.OtherInstallation with a sentence for people, DatabaseError when the database does not answer, and
    OSError when the journal directory or the storage of files does not.
    """
    # First, because a database without any table counts as one that does not answer yet.
    keys.verify()
    if missing := missing_migrations():
        raise OtherSchema(
            f"The schema of the database is older than this version of Baton: it lacks {missing[0]}. Start Baton with "
            "`make run`, which brings the schema up to date, or run: python manage.py migrate"
        )
    _refuse_newer_schema()
    _verify_places()


def verify_before_migrating() -> None:
    """What ``verify`` checks, on a database whose schema may be older. Raises as ``verify`` does."""
    _refuse_newer_schema()
    if KeyFingerprint._meta.db_table in connection.introspection.table_names():
        keys.verify()
        _verify_places()


def _refuse_newer_schema() -> None:
    if newer := unknown_migrations():
        raise OtherSchema(
            f"The schema of the database is newer than this version of Baton, which does not know {newer[0]}: another "
            "host has a newer version. Update this host to the same version."
        )


def _verify_places() -> None:
    _verify_place("journal", journal_id, _write_journal_id, f"The journal directory {settings.JOURNAL_DIR}", _JOURNAL)
    _verify_place("files", _files_id, _write_files_id, f"The storage of files {storage_in_words()}", _FILES)


_JOURNAL = (
    "Set JOURNAL_DIR to the directory that all hosts share, or restore it from the backup: the journals in it protect "
    "against handing over twice after a restore."
)
_FILES = (
    "Set FILES_DIR or S3_BUCKET to what all hosts share, or restore it from the backup: the files of the campaigns and "
    "their evidence are in it."
)


def missing_migrations() -> list[str]:
    """The migrations that this version of Baton has and the database lacks, such as ``contacts.0002_notes``."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def unknown_migrations() -> list[str]:
    """The migrations that the database has and this version of Baton does not know."""
    loader = MigrationExecutor(connection).loader
    applied = {f"{app}.{name}" for app, name in loader.applied_migrations if app in loader.migrated_apps}
    return sorted(applied - known_migrations())


def known_migrations() -> set[str]:
    """The migrations of this version of Baton and those that they replace, such as ``contacts.0002_notes``."""
    found = MigrationLoader(None).disk_migrations
    replaced = {old for migration in found.values() for old in migration.replaces}
    return {f"{app}.{name}" for app, name in found.keys() | replaced}


def storage_in_words() -> str:
    """The folder or the bucket in which files are stored."""
    return settings.S3_BUCKET or str(settings.MEDIA_ROOT)


def _verify_place(name: str, read: Callable[[], str], write: Callable[[str], None], place: str, remedy: str) -> None:
    stored = KeyFingerprint.objects.filter(name=name).values_list("fingerprint", flat=True).first()
    found = read()
    if stored is None:
        if not found:
            write(secrets.token_hex(16))
            # Another host may have been first.
            found = read()
            if not found:
                raise OSError(f"{place}: its file {ID_FILE} is still being written")
        stored = KeyFingerprint.objects.get_or_create(name=name, defaults={"fingerprint": found})[0].fingerprint
    if found != stored:
        seen = f"has {found}" if found else "is missing"
        raise OtherPlace(
            f"{place} is not that of this database: its file {ID_FILE} {seen}, and the database expects {stored}. "
            f"{remedy} Only if it is lost for good, write {stored} into that file. Until then Baton does nothing."
        )


def journal_id() -> str:
    """The id in the journal directory; "" if it has none."""
    try:
        return Path(settings.JOURNAL_DIR, ID_FILE).read_text().strip()
    except FileNotFoundError:
        return ""


def _write_journal_id(value: str) -> None:
    settings.JOURNAL_DIR.mkdir(parents=True, exist_ok=True)
    # Not linked into place, because not every network file system has hard links.
    with suppress(FileExistsError), Path(settings.JOURNAL_DIR, ID_FILE).open("x") as handle:
        handle.write(f"{value}\n")
        handle.flush()
        os.fsync(handle.fileno())


def _files_id() -> str:
    try:
        with default_storage.open(ID_FILE) as handle:
            return str(handle.read().decode()).strip()
    except FileNotFoundError:
        return ""
    except ImproperlyConfigured:
        raise
    except Exception as error:
        # Each kind of storage has errors of its own.
        raise OSError(f"the storage of files does not answer ({type(error).__name__})") from error


def _write_files_id(value: str) -> None:
    with suppress(FileExistsError):
        default_storage.save(ID_FILE, ContentFile(f"{value}\n".encode()))
