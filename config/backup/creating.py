"""Creates a backup while Baton works: first a copy of the database, then what its rows refer to."""

import fcntl
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from isal import igzip

from config.backup import database
from config.backup.encryption import DecryptingReader, EncryptingWriter
from config.backup.workspace import workspace
from contacts.journals import sync_folder
from providers import keys
from providers.models import KeyFingerprint

#: The names in the archive.
MANIFEST, DATABASE, FILES, JOURNAL = "manifest.json", "database", "files", "journal"
PATTERN = "baton-*.backup"
INCOMPLETE = ".incomplete"


def create(directory: Path, now: datetime) -> Path:
    """Write an encrypted backup into ``directory`` and return its path; ``now`` (UTC) is in its name.

    It contains the database, the files (unless they are in a bucket) and the journals, and no key. Files and journals
    are read after the database, so whatever a row refers to is there. Raises OSError, DatabaseError, and
    database.DatabaseFailed or CannotStart with a sentence for people.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"baton-{now:%Y%m%dT%H%M%SZ}.backup"
    draft = path.with_suffix(INCOMPLETE)
    with workspace() as folder:
        _remove_incomplete(directory)
        try:
            with _archive(draft) as archive:
                _fill(archive, folder, now)
            draft.rename(path)
            sync_folder(path)
        finally:
            draft.unlink(missing_ok=True)
    return path


def _fill(archive: tarfile.TarFile, folder: Path, now: datetime) -> None:
    copy, manifest = folder / DATABASE, folder / MANIFEST
    manifest.write_text(json.dumps(manifest_of(now)))
    database.copy_to(copy)
    archive.add(manifest, MANIFEST)
    archive.add(copy, DATABASE)
    # What was in the database is now in the archive, and its disk space can be used for something else.
    copy.unlink()
    if not settings.S3_BUCKET:
        _add_folder(archive, Path(settings.MEDIA_ROOT), FILES)
    _add_folder(archive, Path(settings.JOURNAL_DIR), JOURNAL)


def remove_older(directory: Path, keep: int) -> list[Path]:
    """Remove all but the newest ``keep`` backups in ``directory``; return those removed."""
    older = sorted(directory.glob(PATTERN))[:-keep]
    for path in older:
        path.unlink()
    return older


def _remove_incomplete(directory: Path) -> None:
    """Remove what killed commands have left in ``directory``. A file that is still being written is locked."""
    for path in directory.glob(f"baton-*{INCOMPLETE}"):
        with path.open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                # Another host is writing it, or this file system has no locks.
                continue
            path.unlink(missing_ok=True)


@contextmanager
def _archive(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar file, compressed, encrypted, readable by this user only, and durable when the block has ended."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
        with suppress(OSError):
            fcntl.flock(target, fcntl.LOCK_EX)
        sealed = EncryptingWriter(target, settings.BACKUP_KEY)
        compressed = igzip.IGzipFile(fileobj=sealed, mode="wb")
        with tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            yield archive
        compressed.close()
        sealed.close()
        target.flush()
        os.fsync(target.fileno())


@contextmanager
def opened(path: Path) -> Iterator[tarfile.TarFile]:
    """The archive of a backup, to be read once in order. Raises encryption.CannotRead."""
    with path.open("rb") as source:
        reader = DecryptingReader(source, settings.BACKUP_KEY)
        with igzip.IGzipFile(fileobj=reader, mode="rb") as plain:
            with tarfile.open(fileobj=plain, mode="r|") as archive:
                yield archive
            # Beyond the end of the archive there may be bytes that were not authenticated yet.
            while plain.read(1 << 20):
                pass


def manifest_of(now: datetime) -> dict[str, object]:
    """What a restore compares before it changes anything."""
    applied = MigrationRecorder(connection).applied_migrations()
    return {
        "made_at": now.isoformat(),
        "database": connection.vendor,
        "installation": keys.fingerprint("installation", settings.INSTALLATION_KEY),
        "journal": KeyFingerprint.objects.filter(name="journal").values_list("fingerprint", flat=True).first() or "",
        "migrations": sorted(f"{app}.{name}" for app, name in applied),
    }


def _add_folder(archive: tarfile.TarFile, folder: Path, name: str) -> None:
    """Add every file of a folder; neither links, nor files that are deleted in the meantime."""
    for parent, _, files in os.walk(folder):
        for file in files:
            path = Path(parent, file)
            if path.is_symlink():
                continue
            try:
                archive.add(path, f"{name}/{path.relative_to(folder)}", recursive=False)
            except FileNotFoundError:
                continue
