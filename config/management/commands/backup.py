"""``manage.py backup``: the database, the files and the journals in one encrypted file, while Baton works."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from audit.models import AuditEntry
from config.backup.creating import create, remove_older
from config.backup.database import DatabaseFailed
from config.errors import CannotStart
from contacts.audit_log import record
from providers import identity
from providers.models import KeyFingerprint


class Command(BaseCommand):
    help = (
        "Write an encrypted backup of the database, the files and the journals into a directory. Baton may be working. "
        "The keys are not in it: keep a copy of DATA/keys somewhere else, because nobody can read the backup without."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, help="where to write the backup; it is created if it is missing")
        parser.add_argument("--keep", type=int, metavar="N", help="then remove all but the newest N backups there")
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        directory, keep = options["directory"], options["keep"]
        if keep is not None and keep < 1:
            raise CommandError("--keep takes a number from 1.")
        # Only this user may read the backup and the copy of the database that it is made from.
        os.umask(0o077)
        identity.verify()
        try:
            path = create(directory, datetime.now(UTC))
            removed = remove_older(directory, keep) if keep else []
        except (OSError, DatabaseError, DatabaseFailed, CannotStart) as error:
            raise CommandError(f"There is no new backup: {error}") from None
        size = path.stat().st_size
        told = {"exported": ("", "backup"), "file": ("", path.name), "bytes": ("", str(size))}
        record(KeyFingerprint, AuditEntry.Action.ACCESS, told, name="backup")
        if options["json"]:
            self.stdout.write(json.dumps({"path": str(path), "bytes": size, "removed": len(removed)}))
            return
        self.stdout.write(f"{path} ({size:,} bytes). The keys are not in it.")
        if removed:
            self.stdout.write(f"{len(removed)} older backup{' was' if len(removed) == 1 else 's were'} removed.")
