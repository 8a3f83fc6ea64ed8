"""Correcting an import before it is applied: one cell in place, or the whole file by another one."""

from collections import Counter
from dataclasses import replace
from typing import Any

from django.core.files import File
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from contacts import columns
from contacts.columns import REASON_HEADING
from contacts.importing import opt_outs
from contacts.importing.checking import checked_rows
from contacts.importing.merging import buckets_of
from contacts.importing.rows import RowChecker, corrected
from contacts.importing.state import ImportRefusal, cancel
from contacts.importing.uploading import confirm, upload
from contacts.models import Import, ImportCorrection, ImportIssue
from contacts.sheets import Options, Row, SheetError


def fix_cell(import_: Import, row: int, text: str, user: Any = None) -> ImportIssue | None:
    """Correct the cell at fault in a row that is left out, and check the row again with ``text`` in it.

    Returns the row's next issue, or None if the row will now be imported. The correction, the row, the counters and the
    forecast are written in one transaction. Raises ImportRefusal: ``not_checked``, ``no_fault``, ``whole_row``.
    """
    with transaction.atomic():
        _lock(import_)
        issue = ImportIssue.objects.filter(import_of=import_.pk, row=row, is_warning=False).first()
        if issue is None:
            raise ImportRefusal("no_fault", f"Row {row} is no longer left out. Somebody may have corrected it already.")
        column = issue.column_number
        if column is None:
            raise ImportRefusal(
                "whole_row",
                f"Row {row} cannot be corrected here, because more than one cell is wrong. Correct the file.",
            )
        old = issue.cells[column] if column < len(issue.cells) else ""
        ImportCorrection.objects.create(
            import_of=import_, row=row, column_number=column, old=old, new=text.replace("\x00", ""), created_by=user
        )
        before = Counter({"duplicate" if issue.code == "duplicate" else "invalid": 1})
        again = corrected(_row_of(issue), {column: text.replace("\x00", "")})
        ImportIssue.objects.filter(import_of=import_.pk, row=row).delete()
        after = checked_rows(import_, [again])()
        _move(import_, again, before, after)
    return ImportIssue.objects.filter(import_of=import_.pk, row=row, is_warning=False).first()


def _lock(import_: Import) -> None:
    """Hold the import until the end of the transaction. Raises ImportRefusal ``not_checked``."""
    held = Import.objects.filter(pk=import_.pk, status=Import.Status.CHECKED).update(updated_at=timezone.now())
    import_.refresh_from_db()
    if not held:
        raise ImportRefusal(
            "not_checked",
            "Rows can be corrected only between the check and the import."
            f" The status of this import is “{import_.get_status_display()}”.",
        )


def _row_of(issue: ImportIssue) -> Row:
    problems = {int(column): (code, sentence) for column, (code, sentence) in issue.problems.items()}
    return Row(issue.row, issue.cells, problems)


def _move(import_: Import, row: Row, before: Counter[str], after: Counter[str]) -> None:
    """Move one row from one counter to another, in the forecast too."""
    changed = {bucket: F(bucket) + after[bucket] - before[bucket] for bucket in {*before, *after}}
    if not after["waiting"]:
        expected = after
    elif import_.is_of_opt_outs:
        expected = Counter(opt_outs.buckets_of(import_, [row.number]).values())
    else:
        msisdn, _ = RowChecker.of(import_).check(row)
        expected = Counter(buckets_of(import_, [msisdn]).values())
    forecast = {bucket: count + expected[bucket] - before[bucket] for bucket, count in import_.forecast.items()}
    Import.objects.filter(pk=import_.pk).update(forecast=forecast, **changed)
    import_.refresh_from_db()


def replace_file(import_: Import, file: File, name: str, user: Any = None) -> Import:
    """Upload a corrected file in the place of a checked or failed one, for the same list and with the same columns.

    Returns the new import. If its headings are those of the old one, its columns are confirmed and the caller enqueues
    the check; otherwise somebody has to confirm them. The old import is cancelled, unless the file holds only the rows
    that were left out, as they were downloaded. Raises SheetError and ImportRefusal.
    """
    new = _upload(import_, file, name, user)
    is_left_out_only = new.header[-1:] == [REASON_HEADING] and _titles(new.header[:-1]) == _titles(import_.header)
    is_same = is_left_out_only or _titles(new.header) == _titles(import_.header)
    if is_same and max(columns.restored(import_.mapping)) < len(new.header):
        Import.objects.filter(pk=new.pk).update(
            takes_fixed_lines=import_.takes_fixed_lines, takes_countries=import_.takes_countries
        )
        confirm(new, columns.restored(import_.mapping))
    if not is_left_out_only and import_.status != Import.Status.FAILED:
        cancel(import_)
    return new


def _titles(header: list[str]) -> list[str]:
    """The headings without the untitled columns at the end, which depend on how wide the first rows are."""
    last = max((number for number, title in enumerate(header, start=1) if title), default=0)
    return header[:last]


def _upload(import_: Import, file: File, name: str, user: Any) -> Import:
    """Upload a file that is to be read as the one of ``import_``; its sheet and header may be in another place."""
    header_row = None if import_.header_row else 0
    options = Options(import_.encoding, import_.sheet, header_row, import_.takes_hidden_rows)
    try:
        return upload(import_.list, file, name, user, import_.country, options)
    except SheetError as error:
        if error.code != "no_sheet":
            raise
    return upload(import_.list, file, name, user, import_.country, replace(options, sheet=""))
