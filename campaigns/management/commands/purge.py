"""``manage.py purge``: erase personal data that is older than the retention settings allow."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from campaigns.privacy import purging
from campaigns.statuses import RetentionKind
from contacts.errors import Refusal
from providers import identity

#: What the items of each kind are, for one and for several.
ITEMS = {
    RetentionKind.UPLOADS: ("import", "imports"),
    RetentionKind.LEFT_OUT: ("import", "imports"),
    RetentionKind.PROVIDER_FILES: ("campaign", "campaigns"),
    RetentionKind.RECIPIENTS: ("campaign", "campaigns"),
    RetentionKind.REPLIES: ("reply", "replies"),
}


class Command(BaseCommand):
    help = "Erase personal data that is older than the settings RETENTION_..._DAYS allow. Exit 1 if something was left."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would be erased")
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        identity.verify()
        try:
            kinds = purging.purge(timezone.now, dry_run=options["dry_run"])
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from refusal
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], "kinds": [asdict(one) for one in kinds]}))
        elif not kinds:
            self.stdout.write("Nothing is erased: no RETENTION_..._DAYS is set. See docs/privacy.md.")
        else:
            for one in kinds:
                self.stdout.write(_line(one, options["dry_run"]))
        if left := [sentence for one in kinds for sentence in one.left]:
            raise CommandError("This had to stay:\n" + "\n".join(left))


def _line(one: purging.Purged, dry_run: bool) -> str:
    kind = RetentionKind(one.kind)
    items = f"{one.items:,} {ITEMS[kind][one.items != 1]}"
    done = f"{items} would be erased" if dry_run else f"{items} erased ({one.rows:,} rows or files)"
    return f"{kind.label}, older than {one.days:,} days: {done}"
