"""``manage.py opt_out``: record opt-outs, given as arguments or in a file."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from contacts import phones, sheets, suppression
from contacts.errors import Refusal
from contacts.models import Suppression


class Command(BaseCommand):
    help = "Record opt-outs. Invalid numbers are reported; the exit code is 1 if the file is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="a phone number in any notation")
        parser.add_argument("--file", default="", help="an .xlsx, .csv or .tsv file with a column of phone numbers")
        parser.add_argument("--country", default="", help="country of numbers without a country code, such as ZA")
        parser.add_argument(
            "--encoding", default="", choices=["", *sheets.ENCODINGS], help="of a text that is not UTF-8"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        country = (options["country"] or settings.DEFAULT_COUNTRY).upper()
        if bool(options["numbers"]) == bool(options["file"]):
            raise CommandError("Give either numbers or --file.")
        try:
            phones.check_country(country)
            lines, proof = list(enumerate(options["numbers"], start=1)), "command line"
            if options["file"]:
                path = Path(options["file"])
                lines, proof = lines_of(path, country, options["encoding"]), path.name
        except Refusal as error:
            raise CommandError(error.sentence) from error
        result = suppression.suppress_typed(lines, country, Suppression.Source.COMMAND, proof)
        if options["json"]:
            counts = {"read": result.read, "added": result.added, "already": result.already, "invalid": result.invalid}
            self.stdout.write(json.dumps(counts))
            return
        self.stdout.write(
            f"{result.read:,} numbers read = {result.added:,} added + {result.already:,} already opted out"
            f" + {result.invalid:,} invalid"
        )
        for issue in result.issues:
            self.stdout.write(f"  line {issue.line}, {issue.value}: {issue.sentence}")


def lines_of(path: Path, country: str, encoding: str) -> list[tuple[int, str]]:
    """The numbers in the file with their row numbers. Raises CommandError and SheetError."""
    if not path.is_file():
        raise CommandError(f"File not found: {path}")
    return suppression.sheet_lines(path, path.name, country, encoding)
