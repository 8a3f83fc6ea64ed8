"""``manage.py dry_run``: write the files that would be handed over, byte for byte, and hand nothing over."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.handover import batches
from campaigns.management.commands.balance import find
from contacts.errors import Refusal
from providers import identity


class Command(BaseCommand):
    help = "Write the files of a submitted campaign into a folder exactly as they would be handed over."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", help="id or name")
        parser.add_argument("--out", required=True, help="the folder to write into; made if missing")
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        # The names of the files are derived from the installation key.
        identity.verify()
        campaign = find(options["campaign"]).select_related("account").get()
        if not campaign.counts:
            raise CommandError(
                f"{campaign} is not submitted. Submit it for approval first, so that its recipients are fixed."
            )
        folder = Path(options["out"])
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        try:
            for rendered in batches.dry_run(campaign):
                (folder / rendered.payload.name).write_bytes(rendered.payload.body)
                files.append(
                    {
                        "name": rendered.payload.name,
                        "rows": rendered.rows,
                        "parts": rendered.parts,
                        "bytes": len(rendered.payload.body),
                        "sha256": rendered.sha256,
                    }
                )
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from refusal
        if options["json"]:
            self.stdout.write(json.dumps({"files": files}))
            return
        for file in files:
            self.stdout.write(
                f"{file['name']}  {file['rows']:,} rows  {file['parts']:,} parts  {file['bytes']:,} bytes"
            )
