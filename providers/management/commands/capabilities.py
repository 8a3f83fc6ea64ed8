"""Print what the providers can do as a Markdown table, or put it where the documentation has it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from providers import capabilities, registry

PAGE = Path(settings.BASE_DIR) / "docs" / "providers.md"


class Command(BaseCommand):
    help = "Print the capability table of the providers."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="put it between the markers of docs/providers.md")

    def handle(self, *args: Any, **options: Any) -> None:
        drawn = capabilities.markdown(list(registry.all_adapters().values()))
        if not options["write"]:
            self.stdout.write(drawn)
            return
        try:
            PAGE.write_text(capabilities.between_markers(PAGE.read_text(), drawn))
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{PAGE.name} is written.")
