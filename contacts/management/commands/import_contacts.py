"""``manage.py import_contacts``: import a spreadsheet into a list at once, without workers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from contacts import columns, importing, phones, sheets
from contacts.errors import Refusal
from contacts.fields import FIELD_NAMES
from contacts.models import CONTACT_BUCKETS, ContactList, Import

#: Issues in the output.
MAX_ISSUES = 100


class Command(BaseCommand):
    help = "Import a spreadsheet into a contact list. Bad rows are reported; the exit code is 1 if the file is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("list", help="name of the list; created if it does not exist")
        parser.add_argument("file", help="a spreadsheet, such as an .xlsx, .xls, .ods, .csv or .tsv file")
        parser.add_argument("--country", default="", help="country of numbers without a country code, such as ZA")
        parser.add_argument(
            "--encoding", default="", choices=["", *sheets.ENCODINGS], help="of a text that is not UTF-8"
        )
        parser.add_argument("--sheet", default="", help="of a workbook, by its title; by default the one last open")
        parser.add_argument(
            "--header-row", type=row_number, metavar="N", help="row that holds the titles; 0: none; guessed by default"
        )
        parser.add_argument("--hidden-rows", action="store_true", help="import rows that are hidden, too")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="Column=field",
            help=f"map a column to a field; other columns are guessed. Fields: {', '.join(FIELD_NAMES)}",
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["file"])
        if not path.is_file():
            raise CommandError(f"File not found: {path}")
        country = (options["country"] or "").upper()
        reading = sheets.Options(
            options["encoding"], options["sheet"], options["header_row"], hidden_rows=options["hidden_rows"]
        )
        try:
            phones.check_country(country or settings.DEFAULT_COUNTRY)
            with transaction.atomic(), path.open("rb") as file:
                contact_list = find_or_create(options["list"], country)
                import_ = importing.upload(contact_list, File(file), path.name, None, country, reading)
                try:
                    importing.confirm(import_, mapping_of(options["map"], import_))
                except (columns.ColumnsError, CommandError):
                    # The transaction removes the rows but not the file.
                    import_.file.delete(save=False)
                    raise
        except Refusal as error:
            raise CommandError(error.sentence) from error
        importing.check_rows(import_.pk)
        import_.refresh_from_db()
        if import_.status != Import.Status.CHECKED:
            raise CommandError(import_.failure_sentence)
        importing.begin_apply(import_)
        importing.apply(import_.pk)
        import_.refresh_from_db()
        if import_.status != Import.Status.DONE:
            raise CommandError("A worker has taken over this import. Its result will be on the Imports page.")
        result = result_of(import_)
        self.stdout.write(json.dumps(result) if options["json"] else as_text(result))


def row_number(text: str) -> int:
    """``text`` as the number of a row, or 0. Raises ValueError."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def find_or_create(name: str, country: str) -> ContactList:
    """The list of that name. A new list gets ``country``, or the installation's default country."""
    name = name.strip()
    max_length = ContactList._meta.get_field("name").max_length or 0
    if not 0 < len(name) <= max_length:
        raise CommandError(f"The name of a list must have 1 to {max_length} characters.")
    return ContactList.objects.get_or_create(
        name=name, defaults={"country": country or settings.DEFAULT_COUNTRY.upper()}
    )[0]


def mapping_of(pairs: list[str], import_: Import) -> dict[int, str]:
    """The guessed mapping with the changes in ``pairs``, each ``"Column=field"``. Raises CommandError."""
    chosen: dict[int, str] = {}
    titles = [columns.title_of(column, import_.header) for column in range(len(import_.header))]
    for pair in pairs:
        title, equals, field = pair.rpartition("=")
        matching = [column for column, name in enumerate(titles) if name.lower() == title.strip().lower()]
        if not equals or not matching:
            raise CommandError(f"There is no column {title or pair}. The columns are: {', '.join(titles)}.")
        if matching[0] in chosen:
            raise CommandError(f"The column {title} is mapped twice. Keep one of them.")
        chosen[matching[0]] = field.strip()
    guessed = columns.guess(import_.header, import_.samples, import_.contact_list.labels, import_.country)
    if guessed.asked and "phone" not in chosen.values():
        asked = [titles[column] for column in guessed.asked]
        raise CommandError(
            f'Each of these columns may be the phone: {", ".join(asked)}. Choose one: --map "{asked[0]}=phone"'
        )
    rest = {
        column: field
        for column, field in guessed.mapping.items()
        if field not in chosen.values() and column not in chosen
    }
    return {**chosen, **rest}


def result_of(import_: Import) -> dict[str, Any]:
    """The result for scripts: the number of rows in each bucket, what was left out, the first issues and warnings.

    ``sheets_left_out``: by title, ``"not chosen"`` or ``"hidden"``. ``hidden_rows``: below the header; those that were
    not imported are in ``left_out``.
    """
    not_read = {title: "not chosen" for title, _ in import_.sheets} | dict.fromkeys(import_.hidden_sheets, "hidden")
    not_read.pop(import_.sheet, None)
    return {
        "list": import_.contact_list.name,
        "read": import_.read,
        **{bucket: getattr(import_, bucket) for bucket in CONTACT_BUCKETS},
        "left_out": import_.left_out,
        "header_row": import_.header_row,
        "sheet": import_.sheet,
        "sheets_left_out": not_read,
        "hidden_sheets": import_.hidden_sheets,
        "hidden_rows": import_.hidden_rows,
        "issues": issues_of(import_, is_warning=False),
        "warnings": issues_of(import_, is_warning=True),
    }


def issues_of(import_: Import, is_warning: bool) -> list[dict[str, Any]]:
    """The first issues or warnings."""
    found = import_.issues.filter(is_warning=is_warning).order_by("row", "id")[:MAX_ISSUES]
    return [{**issue} for issue in found.values("row", "column", "code", "sentence")]


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    counts = " + ".join(f"{result[bucket]:,} {bucket.replace('_', ' ')}" for bucket in CONTACT_BUCKETS)
    lines = [f"{result['list']}: {result['read']:,} rows read = {counts}"]
    lines += [f"  {sentence}" for sentence in sentences_of_left_out(result)]
    for issue in result["issues"] + result["warnings"]:
        column = f", {issue['column']}" if issue["column"] else ""
        lines.append(f"  row {issue['row']}{column}: {issue['sentence']}")
    return "\n".join(lines)


def sentences_of_left_out(result: dict[str, Any]) -> Iterator[str]:
    """What of the file was not read, with the option that changes it."""
    left_out, header_row = result["left_out"], result["header_row"]
    if header_row == 0:
        yield "No row with headings was found; if there is one, use --header-row."
    elif header_row > 1:
        rows = "The row above it was" if header_row == 2 else f"The {header_row - 1:,} rows above it were"
        yield f"Row {header_row:,} holds the headings. {rows} left out; use --header-row."
    if hidden := left_out.get("hidden"):
        yield f"{_rows_were(hidden, 'hidden row')} left out; use --hidden-rows."
    if swallowed := left_out.get("swallowed"):
        yield f"{_rows_were(swallowed, 'row')} left out: a closing quotation mark is missing. Correct the file."
    for title, why in result["sheets_left_out"].items():
        yield f"The {'hidden ' if why == 'hidden' else ''}sheet “{title}” was left out; use --sheet."


def _rows_were(count: int, noun: str) -> str:
    return f"{count:,} {noun}{' was' if count == 1 else 's were'}"
