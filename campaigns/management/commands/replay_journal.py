"""``manage.py replay_journal``: run at every start, before anything is handed over."""

from typing import Any

from django.core.management.base import BaseCommand

from campaigns.handover import restore
from providers import identity


class Command(BaseCommand):
    help = "Record again what the journals know and a restored database lacks. Changes nothing otherwise."

    def handle(self, *args: Any, **options: Any) -> None:
        identity.verify()
        opt_outs, latest = restore.replay_journal()
        if opt_outs:
            self.stdout.write(f"{opt_outs:,} opt-outs were recorded again from the journal.")
        self.stdout.write(f"The highest campaign id in the journals is {latest}.")
