"""``manage.py export_person NUMBER``: everything about a person, as JSON."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from campaigns.management.commands.erase_person import parsed
from campaigns.privacy import person_export
from contacts.export_log import record_export
from contacts.models import Contact


class Command(BaseCommand):
    help = "Print everything that is stored about the person with a number, as JSON. The audit trail gets an entry."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", help="in any notation")

    def handle(self, *args: Any, **options: Any) -> None:
        msisdn = parsed(options["number"])
        data = person_export.export_of(msisdn, timezone.now())
        record_export(None, Contact, "person", {"number": msisdn}, rows=person_export.count(data))
        self.stdout.write(json.dumps(data, indent=2, ensure_ascii=False))
