"""``manage.py verify_audit``: whether the audit trail is as it was written."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from audit import chain


class Command(BaseCommand):
    help = "Check every entry of the audit trail against its seal, and the newest seals against the journal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")
        parser.add_argument(
            "--journal-since",
            metavar="DATE",
            help="compare with the journal's lines from this moment on only: when a backup was restored",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        report = chain.verify(_moment(options["journal_since"]))
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(report), "unsealed": report.unsealed, "intact": not report.faults}))
        else:
            words = "is intact" if not report.faults else "is NOT as it was written"
            unsealed = f", {report.unsealed:,} to be sealed by the clock" if report.unsealed else ""
            self.stdout.write(
                f"The audit trail {words}: {report.entries:,} entries, {report.sealed:,} sealed{unsealed}."
            )
            for fault in report.faults:
                self.stdout.write(f"  {fault}")
        if report.faults:
            sys.exit(1)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
        day = parse_date(text)
    except ValueError:
        moment = day = None
    if moment is None and day is not None:
        moment = datetime(day.year, day.month, day.day)
    if moment is None:
        raise CommandError(f"{text} is not a date. Write it as 2026-11-28 or 2026-11-28T14:05.")
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
