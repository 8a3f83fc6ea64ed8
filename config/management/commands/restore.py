"""``manage.py restore``: put back the database and the files of a backup while Baton does not run."""

import json
import os
from pathlib import Path
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from audit.models import AuditEntry
from config.backup.database import DatabaseFailed
from config.backup.encryption import CannotRead
from config.backup.restoring import Refused, Restored, restore
from contacts.audit_log import record
from providers.models import KeyFingerprint


class Command(BaseCommand):
    help = (
        "Replace the database with that of a backup and put back its files. End Baton on every host first. The journal "
        "directory stays as it is: from it, Baton learns at the next start what was handed over since the backup."
    )
    # There may be no database yet.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backup", type=Path, help="the file that manage.py backup wrote")
        parser.add_argument(
            "--journal-lost",
            action="store_true",
            help="put back the older journals as well, and stop every account until a person has decided",
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        os.umask(0o077)
        try:
            restored = restore(options["backup"], options["journal_lost"])
        except (OSError, DatabaseError, DatabaseFailed, CannotRead, Refused) as error:
            raise CommandError(f"The restore was not completed: {error}") from None
        self._record(restored, options["backup"].name)
        if options["json"]:
            result = {"made_at": restored.made_at, "files": restored.files, "stopped_accounts": restored.stopped}
            self.stdout.write(json.dumps(result))
            return
        self.stdout.write(
            f"The database is as it was at {restored.made_at:.16} UTC, and {restored.files:,} files are back. Start "
            "Baton: before it hands anything over, it reads the journals and looks at what the providers have."
        )
        if restored.stopped:
            self.stdout.write(
                f"{restored.stopped} accounts are stopped, because the journal is lost. Cancel each campaign that was "
                "running, then test the accounts."
            )

    def _record(self, restored: Restored, file: str) -> None:
        """Write an entry into the restored audit trail, or say that its database is too old for that."""
        told = {"restored": restored.made_at, "file": file, "stopped accounts": str(restored.stopped)}
        # The ids in the restored database may be others.
        ContentType.objects.clear_cache()
        try:
            changes = {field: ("", value) for field, value in told.items()}
            record(KeyFingerprint, AuditEntry.Action.UPDATE, changes, name="restore")
        except DatabaseError as error:
            self.stderr.write(f"The audit trail has no entry of this restore ({type(error).__name__}).")
