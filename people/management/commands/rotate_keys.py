"""``manage.py rotate_keys``: encrypt every stored secret with the newest account key."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.models import AuditEntry
from contacts.audit_log import record
from people.secrets import CannotRotate, rotate_all
from providers import keys
from providers.models import KeyFingerprint


class Command(BaseCommand):
    help = (
        "Encrypt the secrets of accounts, the addresses for replies and everybody's second step with the first key of "
        "ACCOUNT_KEYS. Afterwards the other keys are needed only for older backups."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            keys.verify()
            counts = rotate_all()
        except (keys.OtherInstallation, CannotRotate) as error:
            raise CommandError(str(error)) from error
        told = {what: ("", f"{count} encrypted with the newest key") for what, count in counts.items()}
        record(KeyFingerprint, AuditEntry.Action.UPDATE, told, name="keys rotated")
        for what, count in counts.items():
            self.stdout.write(f"{what}: {count} encrypted with the newest key")
        if len(settings.ACCOUNT_KEYS) > 1:
            self.stdout.write("Now remove the earlier keys from ACCOUNT_KEYS on every host and restart Baton there.")
