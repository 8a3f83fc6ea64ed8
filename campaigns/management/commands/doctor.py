"""``manage.py doctor``: check an installation and say what to do. Exit 1 when something is wrong."""

import json
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from campaigns.monitoring.doctor import examine, send_test


class Command(BaseCommand):
    help = "Check this installation and say what to do. It changes nothing; it exits with 1 when something is wrong."
    # A check of Django's that fails would end the command before it says anything.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")
        parser.add_argument("--send-test", action="store_true", help="also send a test message to each alarm channel")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        findings = list(chain(examine(now), send_test(now) if options["send_test"] else ()))
        errors = sum(finding.level == "error" for finding in findings)
        if options["json"]:
            rows = [{"level": finding.level, "sentence": finding.sentence} for finding in findings]
            self.stdout.write(json.dumps({"ok": not errors, "findings": rows}))
        else:
            for finding in findings:
                self.stdout.write(f"{finding.level:<8} {finding.sentence}")
            self.stdout.write(f"{errors} to repair." if errors else "Nothing to repair.")
        if errors:
            raise SystemExit(1)
