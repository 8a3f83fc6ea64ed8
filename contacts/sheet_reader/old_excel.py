"""Reads a workbook of Excel 95 to 2003 (.xls): its texts with python-calamine, the rest from its records."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from contacts.sheet_reader import ole2
from contacts.sheet_reader.biff import Records, SheetRecords
from contacts.sheet_reader.number_formats import general
from contacts.sheet_reader.parts import broken, password
from contacts.sheet_reader.sheet_choice import Choice, choose
from contacts.sheet_reader.sheet_scan import Scan, column_letters
from contacts.sheet_reader.types import Options, Row, SheetError, Source
from contacts.sheet_reader.worksheet import without_merged


def open_old_workbook(path: Path, options: Options) -> Source:
    """The sheet that ``options`` chooses. Raises SheetError."""
    content = path.read_bytes()
    if not content.startswith(ole2.MAGIC):
        raise SheetError(
            "wrong_type", "This workbook is of an Excel version before 5. Save it as .xlsx or .csv and upload that."
        )
    records = Records(ole2.stream(content, ("Workbook", "Book")))
    with _refusing_damaged_workbooks():
        workbook = CalamineWorkbook.from_path(path)
        choices = [
            _choice(workbook, position, sheet, records, options)
            for position, sheet in enumerate(workbook.sheets_metadata)
            if sheet.typ == SheetTypeEnum.WorkSheet
        ]
    return choose(choices, options)


@contextmanager
def _refusing_damaged_workbooks() -> Iterator[None]:
    try:
        yield
    except PasswordError as error:
        raise password() from error
    except CalamineError as error:
        raise broken() from error
    except BaseException as error:
        # How calamine ends where it does not expect what it finds. Python cannot import the class.
        if type(error).__name__ == "PanicException":
            raise broken() from error
        raise


def _choice(workbook: CalamineWorkbook, position: int, sheet: Any, records: Records, options: Options) -> Choice:
    found = records.sheet(position)
    merges = [] if options.covered_cells else found.merges
    rows = list(without_merged(_rows(workbook.get_sheet_by_index(position), found), merges))
    scan = Scan()
    for row in rows:
        if row.cells:
            scan.add(row.number, row.number - 1 in found.hidden)
    is_visible = sheet.visible == SheetVisibleEnum.Visible
    return Choice(sheet.name, is_visible, position == records.active, scan, partial(iter, rows))


def _rows(sheet: Any, records: SheetRecords) -> Iterator[Row]:
    """The rows of a sheet. Where a record tells more of a cell than calamine does, that stands in the row."""
    for number, values in enumerate(sheet.to_python(skip_empty_area=False), start=1):
        row = Row(number, [], {})
        for column, value in enumerate(values):
            text, problem = records.shown.get((number - 1, column)) or (_plain(value), None)
            row.cells.append(text)
            if problem:
                code, rest = problem
                row.problems[column] = code, f"Cell {column_letters(column)}{number} {rest}"
        while row.cells and not row.cells[-1].strip():
            row.cells.pop()
        yield row


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return general(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
