"""``manage.py export_person NUMBER``: everything about a person, as JSON."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from campaigns.management.commands.erase_person import parsed
from campaigns.privacy import person_export


class Command(BaseCommand):
    help = "Print everything that is stored about the person with a number, as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", help="in any notation")

    def handle(self, *args: Any, **options: Any) -> None:
        data = person_export.export_of(parsed(options["number"]), timezone.now())
        self.stdout.write(json.dumps(data, indent=2, ensure_ascii=False))
