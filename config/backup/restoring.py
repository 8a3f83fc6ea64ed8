"""Restores a backup while Baton does not run. The journals stay as they are: they say what was handed over since."""

import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from campaigns.handover.restore import leave_ids_unused
from config.backup import database
from config.backup.creating import DATABASE, FILES, JOURNAL, MANIFEST, opened
from config.backup.encryption import CannotRead
from config.backup.workspace import workspace
from config.errors import CannotStart
from config.preflight import lock_directory, only_supervisor
from config.schema import SCHEMA_LOCK
from providers import identity, keys
from providers.locks import hold
from providers.models import Account


class Refused(Exception):
    """The backup cannot be restored here and nothing was changed; the message is for people."""


@dataclass(frozen=True)
class Restored:
    """What was restored: when the backup was made (ISO 8601, UTC), how many files, and how many accounts stopped."""

    made_at: str
    files: int
    stopped: int


def restore(path: Path, is_journal_lost: bool = False) -> Restored:
    """Replace the database with that of the backup and put back its files; the journal directory stays as it is.

    With ``is_journal_lost``, the journals of the backup are put back, and every account is stopped: nobody knows what
    was handed over since. The whole backup is read and authenticated before anything changes. Raises Refused,
    CannotRead, database.DatabaseFailed, DatabaseError and OSError.
    """
    try:
        with only_supervisor(lock_directory()), _nobody_works():
            with workspace() as folder:
                manifest = _read_whole(path, folder)
                _check(manifest, is_journal_lost)
                files = _extract(path, FILES, Path(settings.MEDIA_ROOT))
                # The rows of the database must not refer to files that a power cut loses.
                os.sync()
                database.replace_with(folder / DATABASE)
            stopped = _stop_accounts(manifest["made_at"]) if is_journal_lost else 0
            if is_journal_lost:
                # Last, because Baton does not start without them: an account that was not stopped hands nothing over.
                _extract(path, JOURNAL, Path(settings.JOURNAL_DIR))
    except CannotStart as error:
        raise Refused(str(error)) from None
    return Restored(manifest["made_at"], files, stopped)


@contextmanager
def _nobody_works() -> Iterator[None]:
    """Within the block, no host that shares the database works or starts. Raises Refused."""
    if others := database.others_connected():
        raise Refused(
            f"{others} other session{' uses' if others == 1 else 's use'} the database. End Baton on every host, and "
            "every other program that is connected to the database, then try again."
        )
    with hold(SCHEMA_LOCK) as lock:
        if lock is None:
            raise Refused("A host that shares the database is starting. End Baton on every host, then try again.")
        yield


def _read_whole(path: Path, folder: Path) -> dict[str, Any]:
    """Read the backup to its end, put its database into ``folder`` and return its manifest. Raises CannotRead."""
    manifest: dict[str, Any] = {}
    with opened(path) as archive:
        for member in archive:
            if member.name == MANIFEST:
                manifest = json.loads(_content(archive, member).read())
            elif member.name == DATABASE:
                with Path(folder, DATABASE).open("wb") as target:
                    shutil.copyfileobj(_content(archive, member), target)
    if not manifest or not Path(folder, DATABASE).exists():
        raise CannotRead("This backup contains no database. Use another one.")
    return manifest


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Any:
    content = archive.extractfile(member)
    if content is None or ".." in Path(member.name).parts:
        raise CannotRead(f"In this backup, {member.name} is not one of Baton's files. Use another one.")
    return content


def _extract(path: Path, name: str, folder: Path) -> int:
    """Put the files of the backup whose names begin with ``name/`` into ``folder``; return how many there were."""
    count = 0
    with opened(path) as archive:
        for member in archive:
            if member.name.startswith(f"{name}/"):
                target = folder / member.name.removeprefix(f"{name}/")
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as handle:
                    shutil.copyfileobj(_content(archive, member), handle)
                count += 1
    return count


def _check(manifest: dict[str, Any], is_journal_lost: bool) -> None:
    """Whether the backup belongs here. Raises Refused."""
    if manifest["installation"] != keys.fingerprint("installation", settings.INSTALLATION_KEY):
        raise Refused(
            "This backup belongs to another installation key. Put back the keys of the installation that made it: with "
            "another key, files that were handed over before could be handed over again."
        )
    if manifest["database"] != connection.vendor:
        raise Refused(
            f"This backup is of a database on {manifest['database']}, and this host uses {connection.vendor}. Set "
            "DATABASE_URL as it was when the backup was made."
        )
    if newer := sorted(set(manifest["migrations"]) - identity.known_migrations()):
        raise Refused(f"This backup was made by a newer version of Baton, which has {newer[0]}. Install that version.")
    found = identity.journal_id()
    if is_journal_lost and found:
        raise Refused(
            f"The journal directory {settings.JOURNAL_DIR} is not lost: its file {identity.ID_FILE} is there. Restore "
            "without --journal-lost, so that Baton knows what was handed over since the backup."
        )
    if not is_journal_lost and found != manifest["journal"]:
        raise Refused(
            f"The journal directory {settings.JOURNAL_DIR} is not that of the backup, so nobody could tell what was "
            "handed over since. Set JOURNAL_DIR to it, or put it back. Only if it is lost for good, restore with "
            "--journal-lost, which stops every account until you have decided about the campaigns that were running."
        )


def _stop_accounts(made_at: str) -> int:
    """Stop every account, and use no campaign id that may have been given since the backup; return how many stopped."""
    leave_ids_unused()
    sentence = (
        f"The database was restored from the backup of {made_at:.16} UTC, and the journal was lost, so Baton does not "
        "know what was handed over since. Cancel each campaign that was running, then test this account."
    )
    # Not ``Account.stop``, which reads columns that an older schema may lack.
    return Account.objects.update(stopped_at=timezone.now(), stopped_code="journal_lost", stopped_sentence=sentence)
