"""``manage.py opt_out``: record opt-outs, given as arguments or in a file."""

import json
from argparse import BooleanOptionalAction
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser

from contacts import columns, importing, phones, sheets, suppression
from contacts.errors import Refusal
from contacts.management.commands.import_contacts import MAX_ISSUES, row_number
from contacts.models import OPT_OUT_BUCKETS, Import, Suppression

NO_NUMBERS = "no column of phone numbers"
HIDDEN = "hidden"
#: The codes of a sheet without rows, such as one that holds a title only.
NO_ROWS = ("empty", "no_rows", "no_header")


class Command(BaseCommand):
    help = (
        "Record opt-outs. Of a file, every visible sheet and every column of phone numbers is read. Invalid rows and "
        "what is left out are reported; the exit code is 1 if the file is refused, and then nothing is recorded."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="a phone number in any notation")
        parser.add_argument("--file", default="", help="a spreadsheet with columns of phone numbers")
        parser.add_argument("--country", default="", help="country of numbers without a country code, such as ZA")
        parser.add_argument(
            "--encoding", default="", choices=["", *sheets.ENCODINGS], help="of a text that is not UTF-8"
        )
        parser.add_argument("--sheet", default="", help="read only this sheet of a workbook, hidden or not")
        parser.add_argument(
            "--header-row", type=row_number, metavar="N", help="row that holds the titles; 0: none; guessed by default"
        )
        parser.add_argument(
            "--hidden-rows", action=BooleanOptionalAction, default=True, help="opt out the numbers of hidden rows, too"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        country = (options["country"] or settings.DEFAULT_COUNTRY).upper()
        if bool(options["numbers"]) == bool(options["file"]):
            raise CommandError("Give either numbers or --file.")
        reading = sheets.Options(
            options["encoding"], options["sheet"], options["header_row"], hidden_rows=options["hidden_rows"]
        )
        try:
            phones.check_country(country)
            result = opt_out_file(options["file"], country, reading) if options["file"] else None
        except Refusal as error:
            raise CommandError(error.sentence) from error
        if result is not None:
            self.stdout.write(json.dumps(result) if options["json"] else as_text(result))
            return
        lines = list(enumerate(options["numbers"], start=1))
        typed = suppression.suppress_typed(lines, country, Suppression.Source.COMMAND, "command line")
        if options["json"]:
            counts = {"read": typed.read, "added": typed.added, "already": typed.already, "invalid": typed.invalid}
            self.stdout.write(json.dumps(counts))
            return
        self.stdout.write(
            f"{typed.read:,} numbers read = {typed.added:,} added + {typed.already:,} already opted out"
            f" + {typed.invalid:,} invalid"
        )
        for issue in typed.issues:
            self.stdout.write(f"  line {issue.line}, {issue.value}: {issue.sentence}")


def opt_out_file(name: str, country: str, options: sheets.Options) -> dict[str, Any]:
    """Record the opt-outs of a file as an import without workers. Raises CommandError and Refusal.

    All sheets are checked before anything is recorded.
    """
    path = Path(name)
    if not path.is_file():
        raise CommandError(f"File not found: {path}")
    imports: list[Import] = []
    try:
        left_out = checked_sheets(path, country, options, imports)
    except (Refusal, CommandError):
        for import_ in imports:
            import_.file.delete(save=False)
            import_.delete()
        raise
    for import_ in imports:
        importing.begin_apply(import_)
        importing.apply(import_.pk)
        import_.refresh_from_db()
        if import_.status != Import.Status.DONE:
            raise CommandError("A worker has taken over this import. Its result will be on the Imports page.")
    return result_of(imports, left_out)


def checked_sheets(path: Path, country: str, options: sheets.Options, imports: list[Import]) -> dict[str, str]:
    """Check the sheet of ``options``, or all visible ones; add their imports to ``imports``.

    Returns why each other sheet is left out. Raises CommandError and Refusal.
    """
    first = upload(path, country, options)
    imports.append(first)
    titles = [title for title, _ in first.sheets if title != first.sheet]
    if options.sheet:
        left_out = dict.fromkeys(titles, "not chosen")
    else:
        left_out = {}
        for title in titles:
            try:
                imports.append(upload(path, country, replace(options, sheet=title)))
            except sheets.SheetError as error:
                if error.code not in NO_ROWS:
                    raise
                left_out[title] = "no rows"
    left_out |= {title: HIDDEN for title in first.hidden_sheets if title != first.sheet}
    for import_ in [*imports]:
        mapping = importing.guess_opt_outs(import_)
        if not mapping and importing.has_number(import_):
            # Numbers are found in columns that are not mapped, too.
            mapping = {0: "phone"}
        if not mapping and len(imports) > 1:
            left_out[import_.sheet] = NO_NUMBERS
            imports.remove(import_)
            import_.file.delete(save=False)
            import_.delete()
            continue
        check(import_, mapping)
    return left_out


def upload(path: Path, country: str, options: sheets.Options) -> Import:
    with path.open("rb") as file:
        return importing.upload(None, File(file), path.name, None, country, options)


def check(import_: Import, mapping: dict[int, str]) -> None:
    """Check the rows of one sheet. Raises CommandError and ColumnsError."""
    try:
        importing.confirm(import_, mapping)
    except columns.ColumnsError as error:
        if error.code == "no_phone_column":
            raise CommandError(
                "No column appears to contain phone numbers. Give that column the heading Phone."
            ) from error
        raise
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    if import_.status != Import.Status.CHECKED:
        sheet = f"Sheet {import_.sheet}: " if import_.sheet else ""
        raise CommandError(f"{sheet}{import_.failure_sentence}")


def result_of(imports: list[Import], sheets_left_out: dict[str, str]) -> dict[str, Any]:
    """The result for scripts: rows by bucket, what was left out, and the first issues and warnings."""
    left_out: Counter[str] = Counter()
    for import_ in imports:
        left_out.update(import_.left_out)
    return {
        "read": sum(import_.read for import_ in imports),
        **{bucket: sum(getattr(import_, bucket) for import_ in imports) for bucket in OPT_OUT_BUCKETS},
        "left_out": dict(left_out),
        "sheets_left_out": sheets_left_out,
        "issues": issues_of(imports, is_warning=False),
        "warnings": issues_of(imports, is_warning=True),
    }


def issues_of(imports: list[Import], is_warning: bool) -> list[dict[str, Any]]:
    """The first issues or warnings of all sheets."""
    found: list[dict[str, Any]] = []
    for import_ in imports:
        issues = import_.issues.filter(is_warning=is_warning).order_by("row", "id")[: MAX_ISSUES - len(found)]
        found += [{"sheet": import_.sheet, **issue} for issue in issues.values("row", "column", "code", "sentence")]
    return found


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"{result['read']:,} rows read = {result['added']:,} added + {result['already']:,} already opted out"
        f" + {result['invalid']:,} invalid + {result['blank']:,} blank"
    ]
    words = {
        "above_header": "rows above the numbers, titles included",
        "hidden": "hidden rows",
        "swallowed": "rows inside a cell whose closing quotation mark is missing; their numbers are opted out, too",
    }
    lines += [f"  not read as rows: {count:,} {words[why]}" for why, count in result["left_out"].items() if count]
    lines += [f"  sheet left out: {title} ({why})" for title, why in result["sheets_left_out"].items()]
    for issue in result["issues"] + result["warnings"]:
        sheet = f"{issue['sheet']}, " if issue["sheet"] else ""
        column = f", {issue['column']}" if issue["column"] else ""
        lines.append(f"  {sheet}row {issue['row']}{column}: {issue['sentence']}")
    return "\n".join(lines)
