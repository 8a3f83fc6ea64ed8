"""``manage.py import_contacts``: a spreadsheet into a list, here and now, without workers."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from contacts import columns, importing, phones, sheets
from contacts.importing import BUCKETS, ImportRefusal
from contacts.models import CONTACT_FIELDS, ContactList, Import

ISSUES_SHOWN = 100


class Command(BaseCommand):
    help = "Import a spreadsheet into a contact list. Bad rows are reported; exit 1 when the file is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("list", help="name of the list; made if missing")
        parser.add_argument("file", help="an .xlsx, .csv or .tsv file")
        parser.add_argument("--country", default="", help="numbers without a country code are read as here, such as ZA")
        parser.add_argument("--encoding", default="", choices=["", *sheets.ENCODINGS], help="of a text file")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="Column=field",
            help=f"what a column means; others are guessed. Fields: {', '.join(CONTACT_FIELDS)}",
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["file"])
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        country = (options["country"] or "").upper()
        try:
            phones.check_country(country or settings.DEFAULT_COUNTRY)
            with transaction.atomic(), path.open("rb") as file:
                contact_list = find_or_make(options["list"], country)
                found = importing.upload(contact_list, File(file), path.name, None, country, options["encoding"])
                try:
                    importing.confirm(found, mapping_of(options["map"], found))
                except (columns.ColumnsError, CommandError):
                    # The rows go with the transaction, the file would stay.
                    found.file.delete(save=False)
                    raise
        except (phones.PhoneError, sheets.SheetError, columns.ColumnsError, ImportRefusal) as error:
            raise CommandError(error.sentence) from error
        importing.judge(found.pk)
        found.refresh_from_db()
        if found.status != "judged":
            raise CommandError(found.failure_sentence)
        importing.begin_apply(found)
        importing.apply(found.pk)
        found.refresh_from_db()
        if found.status != "done":
            raise CommandError("A worker has taken over this import; the imports of the list show how it ends.")
        result = books(found)
        self.stdout.write(json.dumps(result) if options["json"] else told(result))


def find_or_make(name: str, country: str) -> ContactList:
    """The list of that name. A new one reads numbers as in ``country`` or as the installation does."""
    name = name.strip()
    longest = ContactList._meta.get_field("name").max_length or 0
    if not 0 < len(name) <= longest:
        raise CommandError(f"The name of a list has 1 to {longest} characters.")
    return ContactList.objects.get_or_create(
        name=name, defaults={"country": country or settings.DEFAULT_COUNTRY.upper()}
    )[0]


def mapping_of(told: list[str], found: Import) -> dict[int, str]:
    """The guess for the header, changed as ``told`` in the form ``"Column=field"``. Raises CommandError."""
    chosen: dict[int, str] = {}
    for pair in told:
        title, equals, field = pair.rpartition("=")
        matching = [column for column, name in enumerate(found.header) if name.lower() == title.strip().lower()]
        if not equals or not matching:
            raise CommandError(f"There is no column {title or pair}. The columns are: {', '.join(found.header)}.")
        if matching[0] in chosen:
            raise CommandError(f"The column {title} is mapped twice. Keep one.")
        chosen[matching[0]] = field.strip()
    guessed = columns.guess(found.header, found.list.labels)
    rest = {column: field for column, field in guessed.items() if field not in chosen.values() and column not in chosen}
    return {**chosen, **rest}


def books(found: Import) -> dict[str, Any]:
    """What became of every row, as scripts read it."""
    issues = found.issues.order_by("row")[:ISSUES_SHOWN].values("row", "column", "code", "sentence")
    return {
        "list": found.list.name,
        "read": found.read,
        **{bucket: getattr(found, bucket) for bucket in BUCKETS},
        "issues": list(issues),
    }


def told(result: dict[str, Any]) -> str:
    """What became of every row, as people read it."""
    counts = " + ".join(f"{result[bucket]:,} {bucket.replace('_', ' ')}" for bucket in BUCKETS)
    issues = [f"  row {issue['row']}, {issue['column']}: {issue['sentence']}" for issue in result["issues"]]
    return "\n".join([f"{result['list']}: {result['read']:,} rows read = {counts}", *issues])
