"""``manage.py catch_up``: run at every start, before anything is handed over."""

from typing import Any

from django.core.management.base import BaseCommand

from campaigns import restoring
from providers import keys


class Command(BaseCommand):
    help = "Bring back what the journals know and a restored database has forgotten. Changes nothing otherwise."

    def handle(self, *args: Any, **options: Any) -> None:
        keys.verify()
        opt_outs, latest = restoring.catch_up()
        if opt_outs:
            self.stdout.write(f"{opt_outs:,} opt-outs were recorded again from the journal.")
        self.stdout.write(f"The journals name campaigns up to {latest}.")
