"""``manage.py sweep``: find work whose job was lost. With ``--every`` it is the clock process of a running Baton."""

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from campaigns import jobs
from providers import keys


class Command(BaseCommand):
    help = "Find rows that wait and enqueue their jobs again. With --every, this is Baton's clock process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")
        parser.add_argument("--every", type=float, metavar="SECONDS", help="sweep again and again until stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        is_verified = False
        while True:
            try:
                if not is_verified:
                    keys.verify()
                    is_verified = True
                enqueued = jobs.sweep(timezone.now())
            except (OperationalError, InterfaceError) as error:
                if not options["every"]:
                    raise
                self.stderr.write(f"The database did not answer: {error}")
            else:
                if options["json"]:
                    self.stdout.write(json.dumps({"nudged": enqueued}))
                elif enqueued or not options["every"]:
                    said = ", ".join(f"{job} {count}" for job, count in enqueued.items()) or "nothing is waiting"
                    self.stdout.write(said)
            if not options["every"]:
                return
            close_old_connections()
            time.sleep(options["every"])
