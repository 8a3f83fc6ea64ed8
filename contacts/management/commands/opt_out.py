"""``manage.py opt_out``: numbers that must never get a text, given here or in a file."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from contacts import phones, sheets, suppression


class Command(BaseCommand):
    help = "Record opt-outs. What is no phone number is reported; exit 1 when the file is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="as people write it")
        parser.add_argument("--file", default="", help="an .xlsx, .csv or .tsv file with a column of phone numbers")
        parser.add_argument("--country", default="", help="numbers without a country code are read as here, such as ZA")
        parser.add_argument("--encoding", default="", choices=["", *sheets.ENCODINGS], help="of a text file")
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
        except (phones.PhoneError, sheets.SheetError) as error:
            raise CommandError(error.sentence) from error
        told = suppression.suppress_typed(lines, country, "command", proof)
        if options["json"]:
            counts = {"read": told.read, "added": told.added, "already": told.already, "invalid": told.invalid}
            self.stdout.write(json.dumps(counts))
            return
        self.stdout.write(
            f"{told.read:,} numbers read = {told.added:,} added + {told.already:,} opted out already"
            f" + {told.invalid:,} invalid"
        )
        for issue in told.issues:
            self.stdout.write(f"  line {issue.line}, {issue.value}: {issue.sentence}")


def lines_of(path: Path, country: str, encoding: str) -> list[tuple[int, str]]:
    """The numbers in the file with their rows. Raises CommandError and SheetError."""
    if not path.is_file():
        raise CommandError(f"There is no file {path}.")
    return suppression.sheet_lines(path, path.name, country, encoding)
